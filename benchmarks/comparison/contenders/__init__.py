"""What is compared: each function prepares for an address and a point, and returns the call to be timed."""

"""What is fuzzed: a module for each part of the product, a function for each way in."""

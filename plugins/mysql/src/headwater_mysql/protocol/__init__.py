"""MySQL's client protocol without I/O: bytes in, packets and records out."""

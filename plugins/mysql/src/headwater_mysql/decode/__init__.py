"""Rows of the binary and the text protocol, decoded into Arrow: natively where built, with numpy elsewhere."""

"""Rows of the binary and the text protocol into Arrow: natively where built, with numpy elsewhere."""

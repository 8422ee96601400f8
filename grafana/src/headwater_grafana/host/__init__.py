"""Plugins in processes of their own, behind the hooks that plugins in this process implement."""

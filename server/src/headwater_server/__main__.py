"""`python -m headwater_server` is the command `headwater`."""

from headwater_server.cli.main import run

run()

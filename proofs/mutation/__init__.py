"""Mutation testing of what must not be wrong: `nox -s mutate`."""

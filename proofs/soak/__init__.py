"""A host under load for a long time."""

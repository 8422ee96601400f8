"""A data source that is right, except for the one fault that SEEDED_FAULT names."""

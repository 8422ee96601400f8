"""Answers remembered: by rule, for whom they were made, and while their data source is unchanged."""

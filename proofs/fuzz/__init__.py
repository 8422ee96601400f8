"""Coverage-guided fuzzing of every place where bytes from outside are read: `nox -s fuzz`."""

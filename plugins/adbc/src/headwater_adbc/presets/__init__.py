"""What is special about each kind of database."""

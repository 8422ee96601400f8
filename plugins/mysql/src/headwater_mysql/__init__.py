"""MySQL and MariaDB for Headwater."""

"""Copies of a store in a file, and of the keys in another: made while hosts write, checked before use."""

from .backup_file import Backup, read_backup, write_backup
from .key_file import read_keys, restore_keys, write_keys
from .restore import restore

__all__ = ["Backup", "read_backup", "read_keys", "restore", "restore_keys", "write_backup", "write_keys"]

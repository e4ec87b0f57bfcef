"""Backups: one encrypted file with every row and every picture, and the way back.

`contents` and `making` write it, `archive` encrypts and reads it, `restoring` checks it and
puts it in place; `tables` reads and writes rows alike on SQLite and PostgreSQL, `files` does
the same for folders and object storage; `schema` keeps rows out of sight until they are complete;
`marks` tells how far a restore came that was cut off, and `settling` puts in order what it left;
`record` notes that one was made. docs/backup.md is the operator's side of it.
"""

from practice.operations.background import JobFailed


class BackupError(JobFailed):
    """Says in words what is wrong with a backup, and what to do. Never holds a stored value."""


class NotAsBefore(BackupError):
    """A restore did not end well, and “Nothing was changed” would not be true."""

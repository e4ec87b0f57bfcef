"""Ciphertext that no key opens: as after a fault of the disk, or when a key was lost."""

from cryptography.fernet import Fernet
from django.db import connection


def spoil(table, column, pk=None, token=""):
    """Puts what another key sealed in place of every value of an encrypted column, or of one."""
    token = token or Fernet(Fernet.generate_key()).encrypt(b"MARK-lost").decode()
    chosen = f"{column} <> ''" if pk is None else "id = %s"
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {column} = %s WHERE {chosen}",  # noqa: S608
            [token] if pk is None else [token, pk],
        )

"""Prints an env file with fresh secrets."""

import pyrage
from cryptography.fernet import Fernet
from django.core.management.base import BaseCommand
from django.utils.crypto import get_random_string

IDENTITY = """
The private key that opens the backups. It is shown this once and stored nowhere. Keep it off
this server, in two places that outlive it, such as the practice's safe and a password manager:
with it and the field encryption keys anybody can read every backup, without it nobody can.

{}
"""
ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"


class Command(BaseCommand):
    help = "Prints an env file with fresh secrets. Redirect it to a file that only you can read."

    def add_arguments(self, parser):
        parser.add_argument("--host", default="www.example.com", help="The site's host name.")
        parser.add_argument(
            "--development", action="store_true", help="For this machine only, with DEBUG on."
        )

    def handle(self, *, host, development, **options):
        lines = {
            "SECRET_KEY": get_random_string(64, ALPHABET),
            "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        }
        if development:
            lines |= {"DEBUG": "true", "EMAIL_URL": "file:///.dev/mail"}
        else:
            lines |= {"ALLOWED_HOSTS": host, "SITE_URL": f"https://{host}"}
            lines |= {"BACKUP_RECIPIENTS": self.new_recipient(), "BACKUP_EVERY_HOURS": 24}
        for name, value in lines.items():
            self.stdout.write(f"{name}={value}")

    def new_recipient(self):
        """A public key for the env file; its private half goes past the file, to the person."""
        identity = pyrage.x25519.Identity.generate()
        self.stderr.write(IDENTITY.format(identity))
        return identity.to_public()

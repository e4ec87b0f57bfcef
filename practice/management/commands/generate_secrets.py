"""Prints an env file with fresh secrets."""

from cryptography.fernet import Fernet
from django.core.management.base import BaseCommand
from django.utils.crypto import get_random_string

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
        for name, value in lines.items():
            self.stdout.write(f"{name}={value}")

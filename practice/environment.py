"""What a value in the environment must look like, said in words for the operator."""

import ipaddress

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from environs import ValidationError

LOCAL_NAMES = ("localhost", "testserver", "[::1]")


def strong_secret(value: str) -> None:
    """At least 50 characters, 5 of them different: Django's own rule (security.W009)."""
    if len(value) < 50 or len(set(value)) < 5 or value.startswith("django-insecure-"):
        raise ValidationError(
            "Too weak: use at least 50 random characters. "
            "`python manage.py generate_secrets` makes one."
        )


def encryption_keys(values: list[str]) -> None:
    if not values:
        raise ValidationError("Empty. `python manage.py generate_secrets` makes a key.")
    for position, value in enumerate(values, 1):
        try:
            Fernet(value)
        except ValueError:
            raise ValidationError(
                f"Key {position} is not 32 bytes in URL-safe base64. "
                "`python manage.py generate_secrets` makes one."
            ) from None


def named_hosts(values: list[str]) -> None:
    if not values or "*" in values:
        raise ValidationError(
            "Name the hosts that this site answers to, such as www.example.com; not “*”."
        )


def local_hosts(values: list[str]) -> None:
    public = [name for name in values if not _is_local(name)]
    if public:
        raise ValidationError(
            f"DEBUG is on and would show its pages to {', '.join(public)}. "
            "Unset DEBUG, or leave only this machine's names."
        )


def networks(values: list[str]) -> None:
    for value in values:
        try:
            ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise ValidationError(f"“{value}” is not an address or a network.") from None


def complete_mail_settings(settings: dict) -> None:
    """Raises ImproperlyConfigured for an EMAIL_URL whose scheme names no way to send."""
    if "EMAIL_BACKEND" not in settings:
        raise ImproperlyConfigured(
            "EMAIL_URL: use smtp://user:password@host:port, submission://… for STARTTLS, "
            "smtp://…?ssl=True for TLS from the start, or console:// in development."
        )


def _is_local(name: str) -> bool:
    if name in LOCAL_NAMES or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False

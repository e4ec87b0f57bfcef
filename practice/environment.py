"""What a value in the environment must look like, said in words for the operator."""

import base64
import ipaddress
from email.utils import parseaddr
from itertools import pairwise
from urllib.parse import parse_qs, unquote, urlsplit

import dj_database_url
import dj_email_url
import django_cache_url
from cryptography.fernet import Fernet
from django.core.exceptions import ValidationError as InvalidEmail
from django.core.validators import validate_email
from django.http.request import validate_host
from environs import ValidationError

LOCAL_NAMES = ("localhost", "testserver", "[::1]")
DEVELOPMENT_SECRET_KEY = "development-only-and-known-to-everyone-who-reads-this-file"  # noqa: S105
DEVELOPMENT_ENCRYPTION_KEY = "ZGV2ZWxvcG1lbnQtb25seS1rZXktbm90LXNlY3JldCE="
# Of 32 random bytes, fewer different ones than this never come up.
LEAST_DIFFERENT_BYTES = 12
CACHE_TABLE = "practice_cache"  # Made by the migration 0004_cache_table.


def strong_secret(value: str) -> None:
    """At least 50 characters, 5 of them different: Django's own rule (security.W009)."""
    if value == DEVELOPMENT_SECRET_KEY:
        raise ValidationError(
            "This is the development key, which everybody can read. "
            "`python manage.py generate_secrets` makes one of your own."
        )
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
        if _is_guessable(value):
            raise ValidationError(
                f"Key {position} can be guessed: it is not random. "
                "`python manage.py generate_secrets` makes one that is."
            )
        if value in values[: position - 1]:
            raise ValidationError(
                f"Key {position} is there twice. Name each key once, the newest first."
            )


def backup_recipients(values: list[str]) -> None:
    if not values:
        return
    import pyrage  # Only here: most processes never write a backup.

    for position, value in enumerate(values, 1):
        try:
            pyrage.x25519.Recipient.from_str(value)
        except pyrage.RecipientError:
            raise ValidationError(
                f"Key {position} is not a public key that begins with age1. "
                "`python manage.py generate_secrets` makes a pair."
            ) from None


def _is_guessable(key: str) -> bool:
    raw = base64.urlsafe_b64decode(key)
    steps = {(after - before) % 256 for before, after in pairwise(raw)}
    return (
        key == DEVELOPMENT_ENCRYPTION_KEY
        or len(set(raw)) < LEAST_DIFFERENT_BYTES
        or len(steps) == 1  # 0, 1, 2, 3 …
    )


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


def between(least: int, most: int):
    """A rule: a whole number within these bounds."""

    def check(value: int) -> None:
        if not least <= value <= most:
            raise ValidationError(f"{value} is not a number from {least} to {most}.")

    return check


def networks(values: list[str]) -> None:
    for value in values:
        try:
            network = ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise ValidationError(f"“{value}” is not an address or a network.") from None
        if network.prefixlen == 0:
            raise ValidationError(
                f"“{value}” is everybody: any visitor could then claim any address. "
                "Name your proxies' addresses or their network."
            )


def site_url(value: str, *, hosts: list[str] | None, is_development: bool) -> str:
    """Where links in mails lead, without the last slash; “” when it is not set."""
    if not value:
        return ""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise ValidationError("Write it as https://www.example.com, with nothing behind.")
    if is_development:
        return value.rstrip("/")
    if parts.scheme == "http" and not _is_local(parts.hostname):
        raise ValidationError("Patients' links have to be safe: begin it with https://.")
    if hosts is not None and not validate_host(parts.hostname, hosts):
        raise ValidationError(
            f"This site does not answer to {parts.hostname}. Add it to ALLOWED_HOSTS, or use a "
            f"host that is there: {', '.join(hosts)}."
        )
    return value.rstrip("/")


def sender(value: str) -> None:
    """hello@example.com, or: Example Surgery <hello@example.com>."""
    _, address = parseaddr(value)
    try:
        validate_email(address)
    except InvalidEmail:
        raise ValidationError(
            "This is no mail address. Write no-reply@example.com, or: "
            "Example Surgery <no-reply@example.com>."
        ) from None


# --- What several servers share: one database, one cache, one place for pictures ----------


def database(value: str, *, servers: int | None, **options) -> dict:
    try:
        found = dj_database_url.parse(value, **options)
    except Exception:
        raise ValidationError(
            "Not a database's address. Write postgres://user:password@host/name, with special "
            "characters of the password percent-encoded."
        ) from None
    if (servers or 1) > 1 and "sqlite" in found["ENGINE"]:
        raise ValidationError(
            f"SQLite is a file of one machine, and SERVERS says {servers}. "
            "Use postgres://user:password@host/name."
        )
    return found


def cache(value: str, *, servers: int | None) -> dict:
    try:
        found = django_cache_url.parse(value)
    except Exception:
        raise ValidationError(
            "Not a cache's address. Write redis://:password@host:6379/0, or leave it out."
        ) from None
    kind = found["BACKEND"].rpartition(".")[2]
    if (servers or 1) > 1 and kind in ("LocMemCache", "FileBasedCache", "DummyCache"):
        raise ValidationError(
            f"This cache is one machine's own, and SERVERS says {servers}: each would count "
            "failed sign-ins by itself. Use redis://:password@host:6379/0, or leave it out."
        )
    if kind == "RedisCache":
        found["BACKEND"] = "practice.caching.shared_cache.RedisOrDatabase"
    return found


def bucket(value: str, *, servers: int | None, is_shared: bool | None) -> dict | None:
    """Which bucket, as options of practice.media.object_storage.ObjectStorage; None for folders.

    s3://key:secret@host/bucket?region=…, or without key and secret where the machine has a
    role. s3+http:// goes without TLS, for a store on the same machine or private network.
    """
    if not value:
        if (servers or 1) > 1 and not is_shared:
            raise ValidationError(
                f"SERVERS says {servers}, and a picture uploaded on one has to be on all. Set "
                "this to s3://key:secret@host/bucket?region=…, or SHARED_MEDIA=yes if "
                "MEDIA_ROOT and PRIVATE_MEDIA_ROOT lie on a disk that all of them share."
            )
        return None
    try:
        return _bucket(urlsplit(value))
    except ValueError:
        raise ValidationError(
            "Write s3://key:secret@host/bucket?region=…, with special characters of the secret "
            "percent-encoded (/ is %2F, + is %2B)."
        ) from None


def _bucket(parts) -> dict:
    name, query = parts.path.strip("/"), parse_qs(parts.query, strict_parsing=bool(parts.query))
    is_whole = bool(parts.username) == bool(parts.password)
    if parts.scheme not in ("s3", "s3+http") or not parts.hostname or not is_whole:
        raise ValueError
    if not name or "/" in name or query.keys() - {"region"}:
        raise ValueError
    host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
    return {
        "access_key": unquote(parts.username) if parts.username else None,
        "secret_key": unquote(parts.password) if parts.password else None,
        "bucket_name": name,
        "endpoint_url": f"{'http' if parts.scheme == 's3+http' else 'https'}://{host}",
        "region_name": query.get("region", ["us-east-1"])[0],
        # Amazon wants the bucket in the host's name; a store of one's own rarely has that name.
        "addressing_style": "virtual" if host.endswith(".amazonaws.com") else "path",
    }


def mail_server(value: str) -> dict:
    try:
        found = dj_email_url.parse(value)
    except Exception:
        found = {}
    if "EMAIL_BACKEND" not in found:
        raise ValidationError(
            "Use submission://user:password@host:587 for STARTTLS, "
            "smtp://user:password@host:465?ssl=True for TLS from the start, "
            "or smtp://localhost:25 for a mail server on this machine."
        )
    return found


def _is_local(name: str) -> bool:
    if name in LOCAL_NAMES or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


# --- Whom to tell when something is wrong ---------------------------------------------------


def mail_addresses(values: list[str]) -> None:
    for value in values:
        try:
            validate_email(value)
        except InvalidEmail:
            raise ValidationError(
                f"“{value}” is no mail address. Write them with commas: it@example.com, "
                "owner@example.com."
            ) from None


def one_of(*choices: str):
    """A rule: one of these words."""

    def check(value: str) -> None:
        if value not in choices:
            raise ValidationError(f"“{value}” is not one of: {', '.join(choices)}.")

    return check


def ping(value: str, *, is_development: bool) -> str:
    """The address that a monitoring service watches for signs of life, without the last slash."""
    parts = urlsplit(value)
    if value and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValidationError("Copy the whole address from your monitoring service: https://….")
    if parts.scheme == "http" and not is_development:
        raise ValidationError("It tells whether this site is well: begin it with https://.")
    return value.rstrip("/")


# What settings.py may call besides environs' own.
PARSERS = (site_url, database, cache, bucket, mail_server, ping)

"""Backups for tests: a pair of keys, the commands, what is in a backup; and, as fixtures, a site
with folders of its own."""

import io
import tarfile
from contextlib import contextmanager
from datetime import UTC, datetime

import pyrage
import pytest
from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import call_command
from django.db import connection
from PIL import Image

from consultations import photos
from practice.backups import files, tables
from tests.processes import a_site

IDENTITY = pyrage.x25519.Identity.generate()
RECIPIENT = str(IDENTITY.to_public())
NASTY = "żółć 🩺 \u202e\n\t\\N \"'; -- {% x %} \u2028 end"


def use_folders(settings, tmp_path):
    """Media in folders of this test's own, and a recipient to encrypt to."""
    settings.BACKUP_RECIPIENTS = [RECIPIENT]
    settings.MEDIA_ROOT = str(tmp_path / "media")
    private = settings.STORAGES["private"]
    options = private.get("OPTIONS", {}) | {"location": str(tmp_path / "private")}
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "private": private | {"OPTIONS": options},
    }


def write_identity(tmp_path):
    path = tmp_path / "identity.txt"
    path.write_text(f"# public key: {RECIPIENT}\n{IDENTITY}\n")
    return path


def fill_site(a_request, coordinator, signed_in):
    """Requests, a photograph, a second factor, pictures, an audit entry; the first request."""
    first = a_request(full_name=NASTY, message=f"MARK-message {NASTY}", suspicions=[None, {"b": 1}])
    a_request(duplicate_of=first, message="", is_under_18=True)
    a_request(received_at=datetime(1999, 12, 31, 23, 59, 59, 999999, UTC))
    photos.add(first, [("Front", Image.new("RGB", (40, 30), "red"))], by=coordinator)
    signed_in(coordinator)
    put_file("default", "portraits/ünïcode name.webp", b"picture" * 50_000)
    LogEntry.objects.create(
        content_type=ContentType.objects.first(),
        object_pk="1",
        object_repr="x",
        action=LogEntry.Action.CREATE,
        remote_addr="2001:db8::1",
        changes={"b": [None, "None"], "a": ["", "ż"]},
    )
    return first


def backup(folder, **options):
    """Makes a backup; its path."""
    before = set(folder.glob("practice-*")) if folder.is_dir() else set()
    call_command("backup", to=folder, stdout=io.StringIO(), **options)
    (made,) = set(folder.glob("practice-*")) - before
    return made


def restore(path, key_file, **options):
    """Restores; what the command said."""
    out = io.StringIO()
    call_command("restore", path, identity=str(key_file), stdout=out, **options)
    return out.getvalue()


def opened(path):
    """{name: bytes} of a backup, as the program `age` and `tar` would read it."""
    plain = pyrage.decrypt(path.read_bytes(), [IDENTITY])
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        return {info.name: tar.extractfile(info).read() for info in tar}


def forged(path, change):
    """Encrypts the backup anew after `change` has worked on its {name: bytes}."""
    members = opened(path)
    change(members)
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    path.write_bytes(pyrage.encrypt(plain.getvalue(), [IDENTITY.to_public()]))


def everything():
    """Every row of every table that is kept, and every file: equal means nothing was changed."""
    rows = {
        table.name: [row for batch in tables.rows(connection, table) for row in batch]
        for table in tables.of(connection)[0]
    }
    return rows, {
        (alias, name): storages[alias].open(name).read()
        for alias in files.ALIASES
        for name in files.store(alias).names()
    }


def put_file(alias, name, content):
    storages[alias].save(name, ContentFile(content))


# --- Fixtures, for modules that name this one among their plugins ----------------------------


# --- A site of real processes ----------------------------------------------------------------


@contextmanager
def a_site_with_keys():
    """One that encrypts its backups; the key that opens them lies in its identity.txt."""
    with a_site(connection.vendor == "postgresql") as site:
        site.environment["BACKUP_RECIPIENTS"] = RECIPIENT
        (site.folder / "identity.txt").write_text(str(IDENTITY))
        yield site


def back_up(site):
    """The path of a new backup."""
    folder = site.folder / "backups"
    before = set(folder.glob("practice-*"))
    site.manage("backup", "--to", str(folder))
    (made,) = set(folder.glob("practice-*")) - before
    return made


# --- Fixtures --------------------------------------------------------------------------------


@pytest.fixture
def own_folders(settings, tmp_path):
    """Folders of this test's own, and a recipient."""
    use_folders(settings, tmp_path)


@pytest.fixture
def folder(tmp_path):
    """Where backups go."""
    return tmp_path / "backups"


@pytest.fixture
def key_file(tmp_path):
    return write_identity(tmp_path)


@pytest.fixture
def full(own_folders, a_request, procedure, coordinator, signed_in):
    """The first of some requests on a site that has everything."""
    return fill_site(a_request, coordinator, signed_in)

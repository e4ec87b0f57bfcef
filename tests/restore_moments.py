"""Small programs around a restore: what was there before, and the moment at which it is killed."""

# Somebody who will be erased and somebody who stays, each with a photograph; pictures in two
# folders.
PEOPLE = """
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from PIL import Image
from consultations import photos
from consultations.models import ConsultationRequest
for folder in ("portraits", "pages"):
    storages["default"].save(f"{folder}/of-the-backup.webp", ContentFile(b"picture"))
for name in ("Erase Me", "Stays Here"):
    request = ConsultationRequest.objects.create(full_name=name, email="a@example.com")
    photos.add(request, [("Front", Image.new("RGB", (40, 30), "red"))], by="Maria")
"""
SINCE = """
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from PIL import Image
from consultations import photos, privacy
from consultations.models import ConsultationRequest
gone = ConsultationRequest.objects.get(full_name="Erase Me")
answer = gone.photos.get().stored_as
privacy.erase(gone, reason="Asked for it", by="Maria")
later = ConsultationRequest.objects.create(full_name="Came Later", email="b@example.com")
photos.add(later, [("Front", Image.new("RGB", (40, 30), "blue"))], by="Maria")
storages["default"].save("portraits/since.webp", ContentFile(b"since"))
"""
EVERYTHING = """
from django.db import connection
from consultations import photos
from consultations.models import Photo
from practice.backups import files, tables
from practice.encryption import DecryptionError
def cannot_be_read(photo):
    try:
        return not photos.read(photo).startswith(b"\\xff\\xd8")
    except DecryptionError:
        return True
kept, _ = tables.of(connection)
answer = {
    "rows": {
        table.name: [str(row) for batch in tables.rows(connection, table) for row in batch]
        for table in kept
    },
    "files": {
        f"{alias}/{name}": files.store(alias).digest(name)
        for alias in files.ALIASES for name in files.store(alias).names()
    },
    "cannot be read": [photo.pk for photo in Photo.objects.all() if cannot_be_read(photo)],
}
"""
RESTORE = """
import io, os, pathlib, signal
from django.core.management import call_command
from practice.backups import files, restoring, settling, tables

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def die_at_rename(number, within):
    renames = []
    def swap_or_die(self, real=getattr(files.Folder, within)):
        def rename(path, target, rename=pathlib.Path.rename):
            renames.append(path)
            return die() if len(renames) > number else rename(path, target)
        usual, pathlib.Path.rename = pathlib.Path.rename, rename
        try:
            return real(self)
        finally:
            pathlib.Path.rename = usual
    setattr(files.Folder, within, swap_or_die)

exec(trick)
out = io.StringIO()
call_command("restore", path, identity=identity, replace=True, stdout=out, stderr=out)
answer = out.getvalue()
"""
WORKER = """
from practice.backups import settling
settling.clear_up()
"""
# What people do on a site that should not be open.
UPLOADS = """
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from PIL import Image
from consultations import photos
from consultations.models import ConsultationRequest
stays = ConsultationRequest.objects.get(full_name="Stays Here")
photos.add(stays, [("Left", Image.new("RGB", (40, 30), "green"))], by="Maria")
storages["default"].save("portraits/after-the-restart.webp", ContentFile(b"after"))
"""
BACKUP = """
import io, pathlib
from django.core.management import call_command
call_command("backup", to=pathlib.Path(folder), stdout=io.StringIO(), stderr=io.StringIO())
"""
TWO_AT_ONCE = """
other = files.store("private").held()
other.__enter__()
"""
REFUSES_TO_DELETE = """
from practice.backups import files
def refuse(path):
    raise PermissionError(13, "Permission denied", str(path))
files.shutil.rmtree = refuse
"""
LOST = """
from django.db import OperationalError, connection, connections
def lose():
    if connection.vendor == "postgresql":
        with connections.create_connection("default").cursor() as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
    else:
        raise OperationalError("disk I/O error")
os.sync = lose
"""
AND_STAYS_AWAY = """
asked = []
def away(stores, settle=settling.settle):
    asked.append(stores)
    if len(asked) > 1:
        raise OperationalError("away")
    return settle(stores)
settling.settle = away
"""
FAILS_TO_MIGRATE = """
def fail(*args, **kwargs):
    raise RuntimeError("a patient's name")
restoring.call_command = fail
"""
LEFT_OVERS = """
from practice.backups import files
answer = sorted(
    str(each.relative_to(store.root))
    for store in files.stores().values() for name in files.NOT_OURS
    for each in store.root.glob(f"{name}/**/*")
)
"""

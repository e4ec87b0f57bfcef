"""Patients' photographs: decoded, stripped, re-encoded, encrypted, outside the public media.

The uploaded file itself is never kept: what is stored is a JPEG made from its pixels, as
Fernet ciphertext under FIELD_ENCRYPTION_KEYS.
"""

import hashlib
import io
import uuid
import warnings
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import transaction
from django.utils import timezone
from PIL import Image

from practice.encryption import DecryptionError, cipher, sealed_by
from practice.media.pictures import open_upright
from practice.operations.key_rotation import AT_ONCE, Place

from .models import Event, Photo
from .timeline import record

SUFFIX = ".photo"
MOST = 6
MAX_BYTES = 15 * 1024 * 1024
MAX_SIDE = 2400
# An ordinary JPEG is made smaller while it is read. Everything else has to fit into memory
# whole, at four bytes and more a pixel.
MAX_PIXELS_AT_ONCE = 25_000_000
FORMATS = ("JPEG", "PNG", "WEBP")
HEIC_SUFFIXES = (".heic", ".heif")


def checked(upload):
    """The picture in an uploaded file, upright and bare. Raises ValidationError in words."""
    if upload.size > MAX_BYTES:
        raise ValidationError(
            f"This file is larger than {MAX_BYTES // 1024 // 1024} MB. "
            "Take the photograph again at a lower quality, or send a smaller copy."
        )
    if Path(upload.name).suffix.lower() in HEIC_SUFFIXES:
        raise ValidationError(
            "We cannot read HEIC photographs yet. On an iPhone choose Settings, Camera, Formats, "
            "“Most Compatible”, or send a JPEG copy."
        )
    _refuse_what_would_fill_the_memory(upload)
    return open_upright(upload, formats=FORMATS, max_side=MAX_SIDE)


def _refuse_what_would_fill_the_memory(upload):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(upload, formats=FORMATS)  # Reads the header only.
    except Exception:
        return  # Then `open_upright` says in words what is wrong with it.
    is_read_in_lines = image.format == "JPEG" and "progressive" not in image.info
    if not is_read_in_lines and image.width * image.height > MAX_PIXELS_AT_ONCE:
        raise ValidationError(
            f"This photograph has more than {MAX_PIXELS_AT_ONCE // 1_000_000} million pixels. "
            "Save it smaller, or as a standard JPEG, and choose it again."
        )


def add(request, pictures, *, by):
    """Stores checked pictures, a list of (view, image), encrypted; returns their Photos.

    Raises ValidationError when the request would have more than six, OSError when the
    storage fails. Files written for nothing are deleted again.
    """
    written = []
    try:
        # Before the transaction: a slow storage must not keep others from writing rows.
        fields = [_write(view, image, written) for view, image in pictures]
        with transaction.atomic():
            _leave_room(request, len(pictures))
            photos = [Photo.objects.create(request=request, **each) for each in fields]
            count = len(photos)
            record(request, Event.Kind.PHOTO, by, f"{count} photograph{'s'[: count != 1]} added")
            return photos
    except BaseException:
        for name in written:
            with suppress(OSError):  # The first error is the one to tell.
                _storage().delete(name)
        raise


def read(photo: Photo) -> bytes:
    """The JPEG. Raises DecryptionError when the file was altered or is gone."""
    try:
        try:
            return cipher().decrypt(_sealed(photo.stored_as))
        except FileNotFoundError:  # A new key may have given it a new file just now.
            photo.refresh_from_db(fields=["stored_as"])
            return cipher().decrypt(_sealed(photo.stored_as))
    except Exception as error:
        raise DecryptionError("This photograph cannot be read.") from error


def delete_file(photo: Photo) -> None:
    _storage().delete(photo.stored_as)


def delete_orphans(now=None) -> int:
    """Deletes files that no row names, left by a process that died in between; how many.

    Not those of the last day: the row of a photograph that is just being stored comes later.
    """
    before = (now or timezone.now()) - timedelta(days=1)
    try:
        names = [name for name in _storage().listdir("")[1] if name.endswith(SUFFIX)]
    except FileNotFoundError:  # No photograph was ever stored.
        return 0
    gone = 0
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        known = set(Photo.objects.filter(stored_as__in=some).values_list("stored_as", flat=True))
        for name in set(some) - known:
            if _storage().get_modified_time(name) < before:
                _storage().delete(name)
                gone += 1
    return gone


def _leave_room(request, count):
    # Locks the row, so that two uploads at once cannot both pass the count.
    type(request).objects.select_for_update().only("pk").get(pk=request.pk)
    already = request.photos.count()
    if already + count > MOST:
        raise ValidationError(
            f"You can send {MOST} photographs in all; {already} are here already."
        )


def _write(view, image, written):
    """Writes one picture's file, adds its name to `written`; what its row is to hold."""
    plain = io.BytesIO()
    image.convert("RGB").save(plain, "JPEG", quality=88, optimize=True)
    encrypted = cipher().encrypt(plain.getvalue())
    name = _save(encrypted)
    written.append(name)
    return {
        "view": view,
        "stored_as": name,
        "width": image.width,
        "height": image.height,
        "bytes": len(plain.getvalue()),
        "digest": _digest(encrypted),
    }


def _save(encrypted):
    return _storage().save(f"{uuid.uuid4().hex}{SUFFIX}", ContentFile(encrypted))


def _sealed(name):
    with _storage().open(name) as file:
        return file.read()


def _digest(encrypted):
    return hashlib.sha256(encrypted).hexdigest()


def _storage():
    return storages["private"]


# --- A new key -------------------------------------------------------------------------------


class StoredPhotos(Place):
    """Each file is written anew under another name; then the row changes over to it.

    So a file is never half one and half the other, whatever is killed, and at worst one is
    left over that no row names and no key opens any more.
    """

    name = "consultations_photo.stored_as"

    def count(self):
        return Photo.objects.count()

    def batches(self):
        after = 0
        photos = Photo.objects.order_by("pk").values_list("pk", "stored_as")
        while batch := list(photos.filter(pk__gt=after)[:AT_ONCE]):
            yield batch
            after = batch[-1][0]

    def keys(self, pk, value):
        try:
            return [sealed_by(_sealed(value))]
        except FileNotFoundError:
            # Erased or renewed a moment ago, or really missing.
            return [None] if Photo.objects.filter(pk=pk, stored_as=value).exists() else []

    def renew(self, batch):
        for pk, value in batch:
            try:
                encrypted = cipher().rotate(_sealed(value))
            except FileNotFoundError:  # Erased meanwhile.
                continue
            name = _save(encrypted)
            here = Photo.objects.filter(pk=pk, stored_as=value)
            if here.update(stored_as=name, digest=_digest(encrypted)):
                _storage().delete(value)
            else:
                _storage().delete(name)

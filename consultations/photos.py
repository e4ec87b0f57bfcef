"""Patients' photographs: decoded, stripped, re-encoded, encrypted, outside the public media.

The uploaded file itself is never kept: what is stored is a JPEG made from its pixels, as
Fernet ciphertext under FIELD_ENCRYPTION_KEYS.
"""

import hashlib
import io
import uuid
import warnings
from pathlib import Path

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import transaction
from PIL import Image

from practice.encryption import DecryptionError, cipher
from practice.pictures import open_upright

from .models import Event, Photo
from .timeline import record

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
            "Take the picture again at a lower quality, or send a smaller copy."
        )
    if Path(upload.name).suffix.lower() in HEIC_SUFFIXES:
        raise ValidationError(
            "We cannot read HEIC pictures yet. On an iPhone choose Settings, Camera, Formats, "
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
            f"This picture has more than {MAX_PIXELS_AT_ONCE // 1_000_000} million pixels. "
            "Save it smaller, or as a standard JPEG, and choose it again."
        )


def add(request, pictures, *, by):
    """Stores checked pictures, a list of (view, image), encrypted; returns their Photos.

    Raises ValidationError when the request would have more than six. Files written for a
    transaction that fails are deleted again.
    """
    written = []
    try:
        with transaction.atomic():
            _leave_room(request, len(pictures))
            photos = [_store(request, view, image, written) for view, image in pictures]
            count = len(photos)
            record(request, Event.Kind.PHOTO, by, f"{count} photograph{'s'[: count != 1]} added")
            return photos
    except BaseException:
        for name in written:
            _storage().delete(name)
        raise


def read(photo: Photo) -> bytes:
    """The JPEG. Raises DecryptionError when the file was altered or is gone."""
    try:
        with _storage().open(photo.stored_as) as file:
            return cipher().decrypt(file.read())
    except Exception as error:
        raise DecryptionError("This photograph cannot be read.") from error


def delete_file(photo: Photo) -> None:
    _storage().delete(photo.stored_as)


def _leave_room(request, count):
    # Locks the row, so that two uploads at once cannot both pass the count.
    type(request).objects.select_for_update().get(pk=request.pk)
    already = request.photos.count()
    if already + count > MOST:
        raise ValidationError(
            f"You can send {MOST} photographs in all; {already} are here already."
        )


def _store(request, view, image, written):
    plain = io.BytesIO()
    image.convert("RGB").save(plain, "JPEG", quality=88, optimize=True)
    encrypted = cipher().encrypt(plain.getvalue())
    name = _storage().save(f"{uuid.uuid4().hex}.photo", ContentFile(encrypted))
    written.append(name)
    return Photo.objects.create(
        request=request,
        view=view,
        stored_as=name,
        width=image.width,
        height=image.height,
        bytes=len(plain.getvalue()),
        digest=hashlib.sha256(encrypted).hexdigest(),
    )


def _storage():
    return storages["private"]

"""Where pictures and photographs lie, and how a picture leaves from there.

In folders, or in a bucket (practice/media/object_storage.py): nothing else knows which.
"""

import mimetypes
import os
from pathlib import Path

from django.http import FileResponse, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import http_date

FOLDER = "django.core.files.storage.FileSystemStorage"
BUCKET = "practice.media.object_storage.ObjectStorage"


def storages(bucket: dict | None, *, private_root: str, media_url: str) -> dict:
    """The entries of Django's STORAGES: “default” for pictures, “private” for photographs.

    `bucket` comes from practice.environment.bucket; None is for folders.
    """
    if bucket:
        public = {**bucket, "location": "public", "base_url": media_url}
        private = {**bucket, "location": "private"}
        return {
            "default": {"BACKEND": BUCKET, "OPTIONS": public},
            "private": {"BACKEND": BUCKET, "OPTIONS": private},
        }
    private = {
        "location": private_root,
        "base_url": None,  # No URL leads here.
        "file_permissions_mode": 0o600,
        "directory_permissions_mode": 0o700,
    }
    return {"default": {"BACKEND": FOLDER}, "private": {"BACKEND": FOLDER, "OPTIONS": private}}


def answer(request, storage, name):
    """The file, sent piece by piece, or 304 for a browser that has it.

    Raises FileNotFoundError, and StorageUnavailable for a bucket that cannot be reached.
    """
    if hasattr(storage, "stream"):
        whole, etag, modified_at = _from_bucket(storage, name)
    else:
        whole, etag, modified_at = _from_folder(storage, name)
    whole["Last-Modified"] = http_date(modified_at.timestamp())
    if etag:
        whole["ETag"] = etag
    found = get_conditional_response(request, etag, int(modified_at.timestamp()), whole)
    if found is not whole:
        whole.close()
    return found


def _from_bucket(storage, name):
    stream = storage.stream(name)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    response = StreamingHttpResponse(stream, content_type=kind)
    response["Content-Length"] = stream.size
    return response, stream.etag, stream.modified_at


def _from_folder(storage, name):
    try:
        file = storage.open(name)
    except (IsADirectoryError, NotADirectoryError):
        raise FileNotFoundError("There is no such file.") from None
    return FileResponse(file), None, storage.get_modified_time(name)


def trouble(storage, alias) -> str:
    """What keeps files from being written there, or nothing."""
    if hasattr(storage, "trouble"):
        return storage.trouble()
    folder = Path(storage.location)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return f"the {alias} folder cannot be made"
    return "" if os.access(folder, os.W_OK) else f"the {alias} folder cannot be written"

"""Deletes files of pictures that nothing names any more: exchanged, removed, or of a deleted page.

What counts as named: by a row, by a draft, or by a version in a page's history, since that can
be restored. Only folders that pictures are uploaded into are looked at: whatever else lies
beside them was put there by somebody. Patients' photographs of their requests are elsewhere,
and erased with those.
"""

from datetime import timedelta

from django.apps import apps
from django.db.models import FileField
from django.utils import timezone

from ..backups import files
from ..editing.revisions import Revision
from ..operations.background import JobFailed
from . import renditions

KEPT_FOR = timedelta(days=7)
# A picture of a patient goes at once, but not before the row of its upload can be there.
PATIENTS_KEPT_FOR = timedelta(hours=1)
VERSIONS_AT_ONCE = 100


def delete_unused(*, goes_on=lambda: True) -> int:
    """Deletes what `unused` finds; how many files went. `goes_on` is asked after each."""
    storage, gone = files.store("default").storage, 0
    for name in unused():
        storage.delete(name)
        gone += 1
        if not goes_on():
            break
    return gone


def unused(now=None):
    """Yields the names of files that may go.

    Raises JobFailed when the database names no picture at all though there are some: then it
    is more likely the wrong database than a practice that has removed every one.
    """
    now = now or timezone.now()
    named, store = None, files.store("default")
    for folder, kept_for in sorted(_folders().items()):
        for name in store.names(folder.rstrip("/")):
            named = _named() if named is None else named
            if name in named or renditions.original_of(name) in named:
                continue
            if _stored_at(store, name, otherwise=now) >= now - kept_for:
                continue
            if not named:
                raise JobFailed(
                    "There are pictures, and this database names none: nothing was deleted. "
                    "Is DATABASE_URL or MEDIA_ROOT that of another site?"
                )
            yield name


def _folders():
    """{folder that pictures are uploaded into: how long an unused one stays}."""
    of_patients = {
        folder
        for config in apps.get_app_configs()
        for folder in getattr(config, "patients_pictures", ())
    }
    return {
        field.upload_to: PATIENTS_KEPT_FOR if field.upload_to in of_patients else KEPT_FOR
        for _, field in _file_fields()
        if isinstance(field.upload_to, str) and field.upload_to
    }


def _file_fields():
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, FileField):
                yield model, field


def _named():
    """Names of files in rows; and in drafts and versions every text that could be one."""
    found = set()
    for model, field in _file_fields():
        found.update(model._base_manager.values_list(field.name, flat=True))
    folders = tuple(_folders())
    versions = Revision.objects.order_by().values_list("content", flat=True)
    for content in versions.iterator(chunk_size=VERSIONS_AT_ONCE):
        for row in content:
            values = row["fields"].values()
            found.update(v for v in values if isinstance(v, str) and v.startswith(folders))
    return found - {"", None}


def _stored_at(store, name, *, otherwise):
    try:
        return store.storage.get_modified_time(name)
    except FileNotFoundError:  # Deleted since it was listed.
        return otherwise

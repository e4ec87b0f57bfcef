"""Agreeing later, or no longer: by the patient, or by staff who were told so."""

from django.db import transaction

from . import photos
from .consents import CHANGEABLE
from .models import Consent, Event
from .privacy import Held
from .timeline import PATIENT, record
from .triage import update_as_seen

FIELDS = {wording.field: wording for wording in CHANGEABLE}


def change(request, seen, answers, *, by, how=""):
    """Makes each of `answers` (field: bool) what holds from now on; whether any was new.

    `seen` are the answers that the person had before their eyes. What was agreed to before,
    in its words and with its time, stays: a change is a row of its own. `how` says how staff
    know, and is kept encrypted. Raises TriageError when another changed it meanwhile.
    """
    changed = {field: given for field, given in answers.items() if given != seen[field]}
    if not changed:
        return False
    with transaction.atomic():
        update_as_seen(request, {field: seen[field] for field in changed}, **changed)
        for field, given in changed.items():
            wording = FIELDS[field]
            Consent.objects.create(
                request=request,
                kind=wording.kind,
                version=wording.version,
                wording=wording.text,
                is_given=given,
            )
        words = ", ".join(
            f"{FIELDS[field].kind.label} {'allowed' if given else 'no longer allowed'}"
            for field, given in changed.items()
        )
        record(request, Event.Kind.CORRECTED, by, words, note=how)
    return True


def take_back_photographs(request):
    """Deletes every photograph of the request, files included, as the patient asks; how many.

    Raises privacy.Held under a legal hold: then the wish is recorded, and nothing deleted.
    """
    if _is_held(request):
        record(request, Event.Kind.PATIENT, PATIENT, "Asked for the photographs to be deleted")
        raise Held("The photographs of a request under legal hold are kept.")
    with transaction.atomic():
        # Locked, because a new encryption key gives photographs new files.
        pictures = list(request.photos.select_for_update())
        if not pictures:
            return 0
        request.photos.filter(pk__in=[each.pk for each in pictures]).delete()
        count = len(pictures)
        words = f"{count} photograph{'s'[: count != 1]} taken back and deleted"
        record(request, Event.Kind.PHOTO, PATIENT, words)
        transaction.on_commit(lambda: [photos.delete_file(each) for each in pictures])
    return count


def _is_held(request):
    """As it is now: the hold may have been put on since the page was opened."""
    rows = type(request).objects.filter(pk=request.pk, legal_hold=True)
    return rows.exists() and request.photos.exists()

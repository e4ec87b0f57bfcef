"""Agreeing later, or no longer: by the patient, or by staff who were told so."""

from django.db import transaction

from .. import one_matter, photos
from ..consents import CHANGEABLE, HEALTH_DATA_SPOKEN, SPOKEN
from ..models import Consent, ConsultationRequest, Event
from ..privacy import Held
from ..timeline import PATIENT, lock, record
from ..triage import lock_matter, update_as_seen

FIELDS = {wording.field: wording for wording in CHANGEABLE}
# What staff were told by word of mouth was asked in these.
FIELDS_SPOKEN = {wording.field: wording for wording in SPOKEN}
ASKED = "Asked for the photographs to be deleted"


def change(request, seen, answers, *, by, how=""):
    """Makes each of `answers` (field: bool) what holds from now on; whether any was new.

    `seen` are the answers that the person had before their eyes. What was agreed to before,
    in its words and with its time, stays: a change is a row of its own. `how` says how staff
    know, and is kept encrypted. What is merged with it follows. Raises TriageError when another
    changed it meanwhile.
    """
    changed = {field: given for field, given in answers.items() if given != seen[field]}
    if not changed:
        return False
    with transaction.atomic():
        rows = lock_matter(request)
        update_as_seen(request, {field: seen[field] for field in changed}, **changed)
        _record(request, changed, by, how)
        for row in rows.values():
            holds = _holds_for(row, changed, rows[request.pk].phone)
            if row.pk != request.pk and holds:
                ConsultationRequest.objects.filter(pk=row.pk).update(**holds)
                _record(row, holds, by, how, f" on the page of {request.reference}")
    return True


def _holds_for(row, changed, phone):
    """What of it changes a merged request: all that is taken back, and what is allowed for the
    same number."""
    return {
        field: given
        for field, given in changed.items()
        if getattr(row, field) != given and (row.phone == phone or not given)
    }


def _record(request, changed, by, how, where=""):
    wordings = FIELDS if by == PATIENT else FIELDS_SPOKEN
    for field, given in changed.items():
        _keep(request, wordings[field], given, by)
    words = ", ".join(
        f"{wordings[field].kind.label} {'allowed' if given else 'no longer allowed'}"
        for field, given in changed.items()
    )
    record(request, Event.Kind.CORRECTED, by, words + where, note=how)


def hear_health_data(request, is_given, *, by):
    """What somebody whom staff entered said when they were asked later."""
    with transaction.atomic():
        lock(request)
        _keep(request, HEALTH_DATA_SPOKEN, is_given, by)
        words = f"{HEALTH_DATA_SPOKEN.kind.label} {'allowed' if is_given else 'not allowed'}"
        record(request, Event.Kind.CORRECTED, by, words)


def _keep(request, wording, is_given, by):
    Consent.objects.create(
        request=request,
        kind=wording.kind,
        version=wording.version,
        wording=wording.text,
        is_given=is_given,
        recorded_by="" if by == PATIENT else str(by),
    )


def take_back_photographs(request):
    """Deletes every photograph of the request, files included, as the patient asks; how many.

    Raises privacy.Held under a legal hold, also one on what it is merged with: then the wish
    is recorded, and nothing deleted.
    """
    with transaction.atomic():
        # Whoever puts a hold on waits until this is done, or was first.
        is_held = any(each.legal_hold for each in one_matter.lock(request).values())
        # Locked, because a new encryption key gives photographs new files.
        pictures = list(request.photos.select_for_update())
        if not pictures:
            return 0
        if not is_held:
            _delete(request, pictures)
        elif not request.events.filter(summary=ASKED).exists():  # Asking twice is asking once.
            record(request, Event.Kind.PATIENT, PATIENT, ASKED)
    if is_held:
        raise Held("The photographs of a request under legal hold are kept.")
    return len(pictures)


def _delete(request, pictures):
    request.photos.filter(pk__in=[each.pk for each in pictures]).delete()
    count = len(pictures)
    words = f"{count} photograph{'s'[: count != 1]} taken back and deleted"
    record(request, Event.Kind.PHOTO, PATIENT, words)
    transaction.on_commit(lambda: [photos.delete_file(each) for each in pictures])

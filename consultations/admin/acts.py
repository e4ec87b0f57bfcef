"""What staff can do to one request: each act is one form, one URL and one verb of `triage`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from practice.models import User

from .. import consent_changes, record_forms, staff_acts, staff_forms, triage
from ..choices import Status
from ..models import ConsultationRequest


@dataclass(frozen=True)
class Act:
    form: type[staff_forms.ActForm]
    do: Callable
    done: str
    permission: str = "consultations.triage_request"

    @property
    def name(self):
        return self.form.act


def _claim(row, by, answers):
    triage.claim(row, by=by)


def _release(row, by, answers):
    triage.assign(row, None, by=by)


def _give(row, by, answers):
    triage.assign(row, answers["to"], by=by)


def _move(row, by, answers):
    triage.move(row, answers["to"], by=by, note=answers["note"])


def _close(row, by, answers):
    triage.move(row, Status.CLOSED, by=by, note=answers["note"], reason=answers["reason"])


def _note(row, by, answers):
    triage.add_note(row, answers["note"], by=by)


def _contact(row, by, answers):
    triage.record_contact(row, by=by, **answers)


def _follow_up(row, by, answers):
    triage.follow_up(row, answers["on"], by=by)


def _unmerge(row, by, answers):
    triage.unmerge(row, by=by)


def _correct(row, by, answers):
    staff_acts.correct(row, answers["seen"], answers["changes"], by=by)


def _revoke_link(row, by, answers):
    staff_acts.revoke_link(row, by=by)


def _new_link(row, by, answers):
    staff_acts.renew_link(row, by=by)


def _consents(row, by, answers):
    if not consent_changes.change(
        row, answers["seen"], answers["answers"], by=by, how=answers["how"]
    ):
        raise triage.TriageError("Nothing was changed. Tick or untick something, then save.")


def _hold(row, by, answers):
    staff_acts.hold(row, answers["is_held"], answers["reason"], by=by)


ACTS = {
    act.name: act
    for act in (
        Act(staff_forms.ClaimForm, _claim, "{row} is yours."),
        Act(staff_forms.ReleaseForm, _release, "{row} has no owner now."),
        Act(staff_forms.GiveForm, _give, "{row} belongs to {row.owner} now."),
        Act(staff_forms.MoveForm, _move, "{row} is “{state}” now."),
        Act(staff_forms.CloseForm, _close, "{row} is closed."),
        Act(staff_forms.NoteForm, _note, "The note is saved."),
        Act(staff_forms.ContactForm, _contact, "The contact is saved. {row} is “{state}”."),
        Act(staff_forms.FollowUpForm, _follow_up, "The follow-up of {row} is saved."),
        Act(record_forms.UnmergeForm, _unmerge, "{row} is a request of its own again: “{state}”."),
        Act(record_forms.CorrectForm, _correct, "The correction is saved."),
        Act(record_forms.ConsentsForm, _consents, "What the patient allows is saved."),
        Act(record_forms.RevokeLinkForm, _revoke_link, "The patient's link no longer works."),
        Act(record_forms.NewLinkForm, _new_link, "A new link is on its way to the patient."),
        Act(
            record_forms.HoldForm,
            _hold,
            "The legal hold of {row} is changed.",
            "consultations.erase_request",
        ),
    )
}


def done(act: Act, row: ConsultationRequest) -> str:
    return act.done.format(row=row, state=Status(row.status).label)


def as_seen(row: ConsultationRequest, seen) -> ConsultationRequest:
    """Puts back what the page showed when it was opened, as the page sends it along.

    The verb then finds that the row is no longer so, and says who changed it, instead of
    deciding on a state that the person has never seen.
    """
    if seen.get("seen_status") in Status.values:
        row.status = seen["seen_status"]
    if "seen_owner" in seen and seen["seen_owner"] != str(row.owner_id or ""):
        row.owner = _user(seen["seen_owner"])
    if "seen_follow_up" in seen and seen["seen_follow_up"] != str(row.follow_up_on or ""):
        row.follow_up_on = as_day(seen["seen_follow_up"])
    if "seen_into" in seen and seen["seen_into"] != str(row.duplicate_of_id or ""):
        row.duplicate_of = request_numbered(seen["seen_into"])
    return row


def is_number(text):
    """Whether it may be the key of a row; longer ones the database does not take."""
    return text.isdecimal() and len(text) < 19


def _user(text):
    return User.objects.filter(pk=int(text)).first() if is_number(text) else None


def request_numbered(text):
    rows = ConsultationRequest.objects.defer("message")
    return rows.filter(pk=int(text)).first() if is_number(text) else None


def as_day(text):
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None

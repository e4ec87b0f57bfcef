"""What staff can do to one request: each act is one button, one URL and one verb of `triage`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from django.db import transaction
from django.urls import reverse

from practice.models import Practice, User
from practice.templatetags.text import date_words

from .. import triage
from ..choices import Status
from ..models import ConsultationRequest
from ..patient_page import consent_changes
from ..staff_work import record_forms, staff_acts, staff_forms


@dataclass(frozen=True)
class Act:
    form: type[staff_forms.ActForm]
    do: Callable
    done: str
    permission: str = "consultations.triage_request"
    takes_note: bool = False
    leads_to: Callable | None = None

    @property
    def name(self):
        return self.form.act


def _claim(row, by, answers):
    triage.claim(row, by=by)


def _release(row, by, answers):
    triage.assign(row, None, by=by)


def _give(row, by, answers):
    triage.assign(row, answers["colleague"], by=by)


def _move(row, by, answers):
    triage.move(row, answers["to"], by=by, note=answers["note"])


def _close(row, by, answers):
    triage.move(row, Status.CLOSED, by=by, note=answers["note"], reason=answers["reason"])


def _contact(row, by, answers):
    names = ("channel", "outcome", "note", "follow_up_on")
    triage.record_contact(row, by=by, **{each: answers[each] for each in names if each in answers})


def _nothing(row, by, answers):
    """The note and the follow-up, which `perform` saves, are all there is to it."""


def _letter(row, answers):
    address = reverse("admin:consultations_consultationrequest_letter", args=[row.pk])
    return f"{address}?{urlencode({'template': answers['template']})}"


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


def _health_consent(row, by, answers):
    try:
        consent_changes.hear_health_data(row, answers["is_given"], by=by)
    except ConsultationRequest.DoesNotExist:
        raise triage.TriageError(triage.GONE) from None


def _hold(row, by, answers):
    staff_acts.hold(row, answers["is_held"], answers["reason"], by=by)


ACTS = {
    act.name: act
    for act in (
        Act(staff_forms.ClaimForm, _claim, "{row} is yours."),
        Act(staff_forms.ReleaseForm, _release, "{row} has no owner now."),
        Act(staff_forms.GiveForm, _give, "{row} belongs to {row.owner} now."),
        Act(staff_forms.MoveForm, _move, "{row} is “{state}” now.", takes_note=True),
        Act(staff_forms.CloseForm, _close, "{row} is closed.", takes_note=True),
        Act(staff_forms.NoteForm, _nothing, ""),
        Act(
            staff_forms.ContactForm,
            _contact,
            "The contact is saved. {row} is “{state}”.",
            takes_note=True,
        ),
        Act(staff_forms.WriteForm, _nothing, "", leads_to=_letter),
        Act(record_forms.UnmergeForm, _unmerge, "{row} is a request of its own again: “{state}”."),
        Act(record_forms.CorrectForm, _correct, "The correction is saved."),
        Act(record_forms.ConsentsForm, _consents, "What the patient allows is saved."),
        Act(record_forms.HealthConsentForm, _health_consent, "What they said is saved."),
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


def perform(act: Act, row: ConsultationRequest, by, answers):
    """Does it, and saves whatever else was typed beside the button that was pressed."""
    with transaction.atomic():
        act.do(row, by, answers)
        if not act.takes_note and answers.get("note", "").strip():
            triage.add_note(row, answers["note"], by=by)
        if _sets_day(row, answers) and answers["follow_up_on"] != row.follow_up_on:
            triage.follow_up(row, answers["follow_up_on"], by=by)


def done(act: Act, row: ConsultationRequest, answers) -> str:
    """What was saved, in words; empty when nothing was to be."""
    words = [act.done.format(row=row, state=Status(row.status).label)]
    if not act.takes_note and answers.get("note", "").strip():
        words.append("The note is saved.")
    if _sets_day(row, answers):
        words.append(f"The follow-up is saved.{_if_closed(row.follow_up_on)}")
    return " ".join(filter(None, words))


def _if_closed(day):
    """What to know of a follow-up on a day without opening hours: it waits, it is not lost."""
    opens = day and Practice.current().calendar().working_day_from(day)
    if opens == day:
        return ""
    return f" We are closed that day: it waits under “Follow-up today” for {date_words(opens)}."


def _sets_day(row, answers):
    return "follow_up_on" in answers and row.is_open


def as_seen(row: ConsultationRequest, seen) -> ConsultationRequest:
    """Puts back what the page showed when it was opened, as the page sends it along.

    The verb then finds that the row is no longer so, and says who changed it, instead of
    deciding on a state that the person has never seen.
    """
    if seen.get("seen_status") in Status.values:
        row.status = seen["seen_status"]
    if "seen_owner" in seen and seen["seen_owner"] != str(row.owner_id or ""):
        row.owner = account(seen["seen_owner"])
    if "seen_follow_up" in seen and seen["seen_follow_up"] != str(row.follow_up_on or ""):
        row.follow_up_on = as_day(seen["seen_follow_up"])
    if "seen_into" in seen and seen["seen_into"] != str(row.duplicate_of_id or ""):
        row.duplicate_of = request_numbered(seen["seen_into"])
    return row


def is_number(text):
    """Whether it may be the key of a row; longer ones the database does not take."""
    return text.isdecimal() and len(text) < 19


def account(text):
    return User.objects.filter(pk=int(text)).first() if is_number(text) else None


def request_numbered(text):
    rows = ConsultationRequest.objects.defer("message")
    return rows.filter(pk=int(text)).first() if is_number(text) else None


def as_day(text):
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None

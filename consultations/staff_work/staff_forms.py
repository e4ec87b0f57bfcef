"""What staff type into a request's page: one form, with a button for each act.

`row` is the request the act is about. The rules are in `triage`; a form only says what is
missing or cannot be read.
"""

from django import forms
from django.contrib.auth import get_user_model

from ..choices import CloseReason, ContactMethod, Status
from ..models import ContactAttempt
from ..triage import NEXT

LONGEST_NOTE = 10_000
Channel = ContactAttempt.Channel

# How a button says what a move does, where the state's name alone would not.
MOVE_WORDS = {
    Status.ATTEMPTING: {Status.CLOSED: "Reopen: trying to reach"},
    Status.IN_CONTACT: {
        Status.CLOSED: "Reopen: in contact",
        Status.BOOKED: "Back to “in contact”",
    },
    Status.NEW: {
        Status.QUARANTINED: "Not spam: put it in the inbox",
        Status.SPAM: "Not spam: put it in the inbox",
    },
}
SPAM_WORDS = "Mark as spam"
PREFERRED_CHANNEL = {
    ContactMethod.PHONE: Channel.CALL,
    ContactMethod.TEXT: Channel.TEXT,
    ContactMethod.EMAIL: Channel.EMAIL,
}


def colleagues():
    """Active staff who may be given a request."""
    users = get_user_model().objects.with_perm("consultations.triage_request")
    return users.filter(is_staff=True).order_by("first_name", "last_name", "username")


def moves(row):
    """(state, words for the button) for every allowed next state but closing."""
    was = Status(row.status)
    return [(to, _move_words(was, to)) for to in NEXT[was] if to != Status.CLOSED]


def _move_words(was, to):
    if to == Status.SPAM:
        return SPAM_WORDS
    return MOVE_WORDS.get(to, {}).get(was, to.label)


def not_allowed(row):
    """Channels the patient cannot or may not be reached by, each with the reason."""
    reasons = {} if row.email else {Channel.EMAIL: "No email address was given."}
    if not row.phone:
        for channel in (Channel.CALL, Channel.VOICEMAIL, Channel.TEXT):
            reasons[channel] = "No phone number was given."
        return reasons
    if not row.may_leave_voicemail:
        reasons[Channel.VOICEMAIL] = "The patient has not agreed to voicemail."
    if not row.may_text:
        reasons[Channel.TEXT] = "The patient has not agreed to text messages."
    return reasons


class ActForm(forms.Form):
    """Its fields' ids start with the act's name, because a page holds many of these forms."""

    act = ""

    def __init__(self, *args, row=None, **kwargs):
        kwargs.setdefault("auto_id", f"id_{self.act}_%s")
        self.row = row
        super().__init__(*args, label_suffix="", **kwargs)

    def show_anew(self, row):
        """Prepares a refused form to be shown with the row as it is now."""
        self.row = row


def note_field(label, *, required=False, rows=2, **kwargs):
    return forms.CharField(
        label=label,
        required=required,
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": rows}),
        error_messages={"required": "Write the note before saving it."},
        **kwargs,
    )


def day_field(label, **kwargs):
    return forms.DateField(
        label=label,
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": "Enter the day as year-month-day, such as 2026-05-31."},
        **kwargs,
    )


def reason_field(**kwargs):
    return forms.ChoiceField(
        choices=CloseReason.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose why this request is closed."},
        **kwargs,
    )


class ColleagueField(forms.ModelChoiceField):
    """Active staff who may be given a request, as they are when the form is shown."""

    def __init__(self, **kwargs):
        words = {
            "required": "Choose a colleague.",
            "invalid_choice": "This colleague cannot take requests. Choose another.",
        }
        super().__init__(None, label="Colleague", error_messages=words, **kwargs)


class WorkForm(ActForm):
    """What is typed while working on a request: one form, in which each act is a button.

    Whichever button is pressed, everything typed comes along. So no note is lost because it
    stood in the form of another button. `needs` names the fields an act cannot do without.
    """

    needs = ()
    note = note_field("Note", rows=3)
    follow_up_on = day_field("Follow up on")
    channel = forms.ChoiceField(
        label="How",
        choices=Channel.choices,
        widget=forms.RadioSelect,
        required=False,
        error_messages={"required": "Choose how you tried to reach the patient."},
    )
    # The outcome is the button that saves: one press.
    outcome = forms.ChoiceField(
        choices=ContactAttempt.Outcome.choices,
        required=False,
        error_messages={"required": "Press the button that says how it went."},
    )
    to = forms.ChoiceField(
        choices=[choice for choice in Status.choices if choice[0] != Status.CLOSED],
        required=False,
        error_messages={
            "required": "Choose one of the states.",
            "invalid_choice": "Choose one of the states.",
        },
    )
    reason = reason_field(required=False)
    # It stands beside the owner, at the top of the page.
    colleague = ColleagueField(required=False, widget=forms.Select(attrs={"form": "work"}))
    template = forms.CharField(required=False)

    def __init__(self, data=None, *, row=None, **kwargs):
        kwargs.setdefault("auto_id", "id_work_%s")
        data = None if data is None else data.copy()
        super().__init__(data, row=row, **kwargs)
        for name in self.needs:
            self.fields[name].required = True
        self.fields["colleague"].queryset = colleagues()
        self.initial.setdefault("follow_up_on", row.follow_up_on)
        self.not_allowed = not_allowed(row)
        self.initial.setdefault("channel", self._preferred_channel())
        self.sets_day = data is not None and data.get("follow_up_on", "") != self._seen_day()
        self._leave_day_alone()

    def show_anew(self, row):
        super().show_anew(row)
        self._leave_day_alone()

    def channels(self):
        """(value, label, is chosen, why it is not allowed) for the template."""
        chosen = self["channel"].value()
        return [
            (value, label, value == chosen, self.not_allowed.get(value, ""))
            for value, label in Channel.choices
        ]

    def clean_channel(self):
        channel = self.cleaned_data["channel"]
        if "channel" in self.needs and channel in self.not_allowed:
            raise forms.ValidationError(self.not_allowed[channel])
        return channel

    def clean(self):
        """Holds a follow-up only if the person changed it; None clears it."""
        answers = super().clean()
        if not self.sets_day:
            answers.pop("follow_up_on", None)
        return answers

    def _preferred_channel(self):
        preferred = PREFERRED_CHANNEL[self.row.contact_method]
        if preferred not in self.not_allowed:
            return preferred
        return Channel.EMAIL if Channel.CALL in self.not_allowed else Channel.CALL

    def _seen_day(self):
        return self.data.get("seen_follow_up", "") if "follow_up_on" in self.data else ""

    def _leave_day_alone(self):
        """A day that the person did not touch is shown as it is now, not as it was."""
        if self.is_bound and not self.sets_day:
            self.data["follow_up_on"] = str(self.row.follow_up_on or "")


class ClaimForm(WorkForm):
    act = "claim"


class ReleaseForm(WorkForm):
    act = "release"


class GiveForm(WorkForm):
    act = "give"
    needs = ("colleague",)


class MoveForm(WorkForm):
    act = "move"
    needs = ("to",)


class CloseForm(WorkForm):
    act = "close"
    needs = ("reason",)


class WriteForm(WorkForm):
    act = "write"


class ContactForm(WorkForm):
    act = "contact"
    needs = ("channel", "outcome")


class NoteForm(WorkForm):
    act = "note"

    def clean(self):
        answers = super().clean()
        if not (answers.get("note", "").strip() or self.sets_day):
            self.add_error("note", "Write the note before saving it.")
        return answers


class NothingForm(ActForm):
    """For acts on several requests that ask only whether one is sure."""


class GiveSeveralForm(ActForm):
    act = "give"
    colleague = ColleagueField()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["colleague"].queryset = colleagues()


class CloseSeveralForm(ActForm):
    act = "close"
    reason = reason_field(label="Why")
    note = note_field("Note (optional)")

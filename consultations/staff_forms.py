"""What staff type into a request's page: one form for each act.

`row` is the request the act is about. The rules are in `triage`; a form only says what is
missing or cannot be read.
"""

from django import forms
from django.contrib.auth import get_user_model

from .choices import CloseReason, ContactMethod, Status
from .models import ContactAttempt
from .triage import NEXT

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
    reasons = {}
    if not row.phone:
        for channel in (Channel.CALL, Channel.VOICEMAIL, Channel.TEXT):
            reasons[channel] = "No phone number was given."
        return reasons
    if not row.may_leave_voicemail:
        reasons[Channel.VOICEMAIL] = "The patient did not agree to voicemail."
    if not row.may_text:
        reasons[Channel.TEXT] = "The patient did not agree to text messages."
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


def note_field(label, *, required=False, rows=2):
    return forms.CharField(
        label=label,
        required=required,
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": rows}),
        error_messages={"required": "Write the note before saving it."},
    )


def day_field(label, **kwargs):
    return forms.DateField(
        label=label,
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": "Enter the day as year-month-day, such as 2026-05-31."},
        **kwargs,
    )


class ClaimForm(ActForm):
    act = "claim"


class ReleaseForm(ActForm):
    act = "release"


class GiveForm(ActForm):
    act = "give"
    to = forms.ModelChoiceField(
        label="Colleague",
        queryset=None,
        error_messages={
            "required": "Choose a colleague.",
            "invalid_choice": "This colleague cannot take requests. Choose another.",
        },
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["to"].queryset = colleagues()


class MoveForm(ActForm):
    act = "move"
    to = forms.ChoiceField(
        choices=[choice for choice in Status.choices if choice[0] != Status.CLOSED],
        error_messages={
            "required": "Choose one of the states.",
            "invalid_choice": "Choose one of the states.",
        },
    )
    note = note_field("Note (optional)")


class CloseForm(ActForm):
    act = "close"
    reason = forms.ChoiceField(
        choices=CloseReason.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose why this request is closed."},
    )
    note = note_field("Note (optional)")


class NoteForm(ActForm):
    act = "note"
    note = note_field("Note", required=True, rows=3)


class FollowUpForm(ActForm):
    act = "follow-up"
    on = day_field("Follow up on", help_text="Empty: no follow-up.")


class ContactForm(ActForm):
    act = "contact"
    channel = forms.ChoiceField(
        label="How",
        choices=Channel.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose how you tried to reach the patient."},
    )
    # The outcome is the button that saves: one press.
    outcome = forms.ChoiceField(
        choices=ContactAttempt.Outcome.choices,
        error_messages={"required": "Press the button that says how it went."},
    )
    note = note_field("Note (optional)")
    follow_up_on = day_field("Follow up on (optional)")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.not_allowed = not_allowed(self.row)
        preferred = PREFERRED_CHANNEL[self.row.contact_method]
        if preferred in self.not_allowed:
            preferred = Channel.EMAIL if Channel.CALL in self.not_allowed else Channel.CALL
        self.initial.setdefault("channel", preferred)

    def channels(self):
        """(value, label, is chosen, why it is not allowed) for the template."""
        chosen = self["channel"].value()
        return [
            (value, label, value == chosen, self.not_allowed.get(value, ""))
            for value, label in Channel.choices
        ]

    def clean_channel(self):
        channel = self.cleaned_data["channel"]
        if channel in self.not_allowed:
            raise forms.ValidationError(self.not_allowed[channel])
        return channel

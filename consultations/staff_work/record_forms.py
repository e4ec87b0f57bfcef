"""Staff's forms for what is less common than triage: corrections, the link, erasure, letters."""

from django import forms
from django.utils import timezone
from django.utils.formats import date_format

from practice.mail_addresses import AddressField

from ..as_shown import AsShown
from ..consents import CHANGEABLE
from ..forms import ConsultationForm
from ..one_line import LineField
from .staff_acts import CORRECTABLE
from .staff_forms import ActForm, note_field

SHORTEST_REASON = 5


class UnmergeForm(ActForm):
    act = "unmerge"


class RevokeLinkForm(ActForm):
    act = "revoke-link"


class NewLinkForm(ActForm):
    act = "new-link"


class CorrectForm(AsShown, ActForm):
    act = "correct"
    phone = ConsultationForm.base_fields["phone"].__class__(
        label="Phone number",
        required=False,
        show_hidden_initial=True,
        error_messages=dict(ConsultationForm.base_fields["phone"].error_messages),
    )
    email = AddressField(label="Email address", max_length=254, show_hidden_initial=True)
    preferred_name = LineField(
        label="Wants to be called", max_length=80, required=False, show_hidden_initial=True
    )
    interpreter_language = LineField(
        label="Interpreter for", max_length=60, required=False, show_hidden_initial=True
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["phone"].widget.input_type = "tel"
        # Somebody whom staff entered may have a number only; nobody loses an address they gave.
        self.fields["email"].required = bool(self.row.email)
        for name in CORRECTABLE:
            self.fields[name].widget.attrs["autocomplete"] = "off"
            self.initial.setdefault(name, getattr(self.row, name, ""))

    def clean(self):
        answers = super().clean()
        if not (answers.get("phone") or answers.get("email") or self.errors):
            self.add_error("phone", "Keep a number or an address: there is no other way to them.")
        return {"seen": self.seen(), "changes": self.changes(answers)}

    def show_anew(self, row):
        super().show_anew(row)
        self.compare_with(row)


class ConsentsForm(AsShown, ActForm):
    """What a patient allowed or took back by word of mouth."""

    act = "consents"
    may_leave_voicemail = forms.BooleanField(
        label="We may leave a voicemail", required=False, show_hidden_initial=True
    )
    may_text = forms.BooleanField(
        label="We may send text messages", required=False, show_hidden_initial=True
    )
    how = note_field("How do you know?", required=True)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["how"].error_messages["required"] = "Write how the patient told you."
        for wording in CHANGEABLE:
            self.initial.setdefault(wording.field, getattr(self.row, wording.field, False))

    def clean(self):
        answers = super().clean()
        names = [wording.field for wording in CHANGEABLE]
        return {
            "how": answers.get("how", ""),
            "answers": {name: answers[name] for name in names},
            "seen": self.seen(),
        }

    def show_anew(self, row):
        super().show_anew(row)
        self.compare_with(row)


class HealthConsentForm(ActForm):
    """What the patient said when staff asked after they had entered the request."""

    act = "health-consent"
    is_given = forms.TypedChoiceField(
        choices=[("yes", "They said yes"), ("no", "They said no")],
        coerce=lambda text: text == "yes",
        error_messages={"required": "Press the button that says what they answered."},
    )


class HoldForm(ActForm):
    act = "hold"
    is_held = forms.TypedChoiceField(
        choices=[("yes", "Keep"), ("no", "Release")], coerce=lambda text: text == "yes"
    )
    reason = note_field("Reason", required=True)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["reason"].error_messages["required"] = "Write the reason."


class EraseForm(ActForm):
    act = "erase"
    reason = forms.ChoiceField(
        label="Why",
        choices=[
            (words, words)
            for words in ("The patient asked for it", "Entered by mistake", "Another legal reason")
        ],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose why this request is erased."},
    )
    reference = forms.CharField(
        label="Type the reference to confirm",
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": "Type the reference of this request."},
    )

    def clean_reference(self):
        typed = self.cleaned_data["reference"]
        if _plain(typed) != _plain(self.row.reference):
            raise forms.ValidationError("This is not the reference of this request.")
        return typed


class LetterForm(ActForm):
    act = "letter"
    name = forms.CharField(required=False, max_length=80, widget=forms.HiddenInput)
    subject = forms.CharField(
        label="Subject", max_length=150, error_messages={"required": "Give the letter a subject."}
    )
    body = forms.CharField(
        label="Letter",
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 12}),
        error_messages={"required": "Write the letter first."},
    )


class ExportForm(forms.Form):
    kind = forms.ChoiceField(
        label="Format",
        choices=[("xlsx", "Excel (XLSX)"), ("csv", "Text with commas (CSV)")],
        initial="xlsx",
        widget=forms.RadioSelect,
        error_messages={"required": "Choose a format."},
    )
    reason = forms.CharField(
        label="Reason",
        min_length=SHORTEST_REASON,
        max_length=200,
        help_text="Kept in the audit trail with your name and the number of rows.",
        error_messages={
            "required": "Write why you need this export.",
            "min_length": "Write the reason so that others understand it.",
        },
    )
    with_health = forms.BooleanField(
        label="With health details",
        required=False,
        help_text="Adds the procedure and what the patient wrote. Leave it off unless the "
        "reason needs it: the file is then as confidential as a medical record.",
    )

    def __init__(self, *args, **kwargs):
        kwargs.setdefault("auto_id", "id_export_%s")
        super().__init__(*args, label_suffix="", **kwargs)


class OthersField(forms.ModelMultipleChoiceField):
    def label_from_instance(self, row):
        day = date_format(timezone.localdate(row.received_at))
        return f"{row.reference}: {row.full_name}, received {day}"


class HandOverForm(ActForm):
    act = "hand-over"
    others = OthersField(
        queryset=None,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Found by the email address or the phone number. Families share these: tick "
        "only what is surely this person's.",
        error_messages={"invalid_choice": "One of these requests is gone. Choose again."},
    )
    reason = forms.CharField(
        label="Reason",
        min_length=SHORTEST_REASON,
        max_length=200,
        help_text="Such as “Asked by phone on Monday”. Kept in the audit trail with your name.",
        error_messages={
            "required": "Write why you make this copy.",
            "min_length": "Write the reason so that others understand it.",
        },
    )
    with_notes = forms.BooleanField(
        label="With the notes of staff",
        required=False,
        help_text="What colleagues wrote on the timeline. The person may be entitled to it; "
        "read it through first, because it can name others.",
    )

    def __init__(self, *args, others, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["others"].queryset = others
        merged = [row.pk for row in others if self.row.pk == row.duplicate_of_id]
        self.fields["others"].initial = merged


def _plain(reference):
    return reference.replace("-", "").replace(" ", "").upper()

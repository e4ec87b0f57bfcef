"""What staff are asked when somebody called, or a colleague's referral came."""

import uuid
from datetime import timedelta

from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Div, Fieldset, Layout
from django import forms
from django.utils import timezone
from django.utils.functional import cached_property

from .. import consents
from ..choices import ENTERED_BY_STAFF, ContactMethod, Origin
from ..forms import ConsultationForm
from ..intake import Arrival
from ..one_line import LineField

# Whoever comes back from a week away finds what lay on their desk.
MOST_DAYS_BACK = 14
SPOKE, CALL_BACK = "spoke", "call_back"
YES, NO, NOT_ASKED = "yes", "no", "not_asked"
NO_HEALTH = {
    NO: "They did not agree, so nothing about their health is kept. {}",
    NOT_ASKED: "Nobody has asked them yet, so nothing about their health is kept. {}",
}
TAKE_OUT = {"procedure": "Choose no procedure.", "message": "Take this text out, or ask them."}


class EntryForm(ConsultationForm):
    """The patient's own questions, asked of staff, and how the request came.

    No address may be known, but then a number is. What was said about somebody's health is
    kept if they agreed when asked, or if a colleague told us in order to have them treated.
    """

    website = None
    wordings = consents.SPOKEN
    NO_NUMBER = "Enter a phone number, or choose email as the way to reach them."
    SHORTEN = "Shorten it, and write the rest into a note."

    origin = forms.ChoiceField(
        label="How did it come?",
        choices=[(each.value, each.label) for each in ENTERED_BY_STAFF],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose how it came."},
    )
    referred_by = LineField(
        label="Who referred them?",
        max_length=120,
        required=False,
        help_text="A name or a practice, nothing about health.",
    )
    received_at = forms.DateTimeField(
        label="When did it come in?",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="In the practice’s time. The promised reply is counted from here.",
        error_messages={
            "required": "Enter when it came in.",
            "invalid": "Enter the day and the time, such as 2026-05-31 14:30.",
        },
    )
    consent_health_data = forms.ChoiceField(
        choices=[
            (YES, "They said yes"),
            (NO, "They said no"),
            (NOT_ASKED, "Not asked yet"),
        ],
        widget=forms.RadioSelect,
        help_text="Read it out when you speak to them. Without a yes only their contact details "
        "are kept; what a referral says may be kept until you ask.",
        error_messages={"required": "Choose what they said, or that nobody asked yet."},
    )
    first_reply = forms.ChoiceField(
        label="Does somebody still have to get back to them?",
        choices=[
            (CALL_BACK, "Yes: the promised time runs from when it came in"),
            (SPOKE, "No, I spoke to them: that was our first reply"),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose whether somebody still has to get back to them."},
    )
    is_taken = forms.BooleanField(label="I take it: it is mine from now on", required=False)
    is_confirmed = forms.BooleanField(
        label="Send them a confirmation by email, if they gave an address",
        required=False,
        initial=True,
    )

    class Meta(ConsultationForm.Meta):
        labels = ConsultationForm.Meta.labels | {
            "preferred_name": "Wants to be called (optional)",
            "email": "Email address (optional)",
            "message": "What was said? (optional)",
            "contact_method": "How should we contact them?",
            "best_time": "When suits them best?",
        }
        help_texts = {
            "email": "Read it back letter by letter. Leave it empty if they have none.",
            "message": "Kept encrypted, as what patients write themselves.",
        }
        error_messages = ConsultationForm.Meta.error_messages | {
            "full_name": {"required": "Enter their full name."},
            "contact_method": {"required": "Choose how we should contact them."},
        }

    field_order = (
        *("origin", "referred_by", "received_at"),
        *("full_name", "preferred_name", "phone", "email"),
        *("is_under_18", "guardian_name", "guardian_relationship"),
        *("consent_health_data", "procedure", "surgeon", "message"),
        *("contact_method", "best_time", "interpreter_language"),
        *("may_leave_voicemail", "may_text", "first_reply", "is_taken", "is_confirmed"),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, label_suffix="", **kwargs)
        for name in ("email", "message"):
            self.fields[name].required = False
        for field in self.fields.values():  # A browser would fill in the person who types.
            if not isinstance(field, forms.ChoiceField | forms.BooleanField):
                field.widget.attrs["autocomplete"] = "off"
        self.fields["token"].initial = uuid.uuid4
        self.fields["origin"].initial = Origin.PHONE
        self.fields["received_at"].initial = _this_minute
        self.fields["contact_method"].initial = ContactMethod.PHONE

    @cached_property
    def helper(self):
        helper = FormHelper()
        helper.form_tag = False
        helper.disable_csrf = True
        helper.error_text_inline = True
        helper.layout = Layout(
            Fieldset(
                "How it came",
                "origin",
                Div("referred_by", css_class="referred"),
                "received_at",
            ),
            Fieldset(
                "About the patient",
                *("full_name", "preferred_name", "phone", "email", "is_under_18"),
                Div("guardian_name", "guardian_relationship", css_class="guardian"),
            ),
            Fieldset(
                "What they would like to discuss",
                *("consent_health_data", "procedure", "surgeon", "message"),
            ),
            Fieldset(
                "How we may contact them",
                *("contact_method", "best_time", "interpreter_language"),
                HTML("<p class='form-note'>Ask in these words, and tick what they say yes to:</p>"),
                *("may_leave_voicemail", "may_text"),
            ),
            Fieldset("What happens now", "first_reply", "is_taken", "is_confirmed"),
        )
        return helper

    def clean_token(self):
        """A send whose token was lost or altered is a send of its own."""
        try:
            return uuid.UUID(self.cleaned_data["token"])
        except ValueError:
            return uuid.uuid4()

    def clean_received_at(self):
        received_at, now = self.cleaned_data["received_at"], timezone.now()
        if received_at > now:
            raise forms.ValidationError("This is in the future. Enter when it came in.")
        if received_at < _this_minute() - timedelta(days=MOST_DAYS_BACK):
            raise forms.ValidationError(
                f"This is more than {MOST_DAYS_BACK} days ago. Enter today, and write below when "
                "it came."
            )
        return received_at

    def clean(self):
        answers = super().clean()
        self._find_a_way_to_them(answers)
        self._keep_no_health_without_leave(answers)
        if answers.get("origin") != Origin.REFERRAL:
            answers["referred_by"] = ""
        elif not answers.get("referred_by") and "referred_by" not in self.errors:
            self.add_error("referred_by", "Enter who referred them.")
        return answers

    def _find_a_way_to_them(self, answers):
        wrong = {*self.errors}
        if answers.get("contact_method") == ContactMethod.EMAIL and not answers.get("email"):
            if "email" not in wrong:
                words = "Enter the email address, or choose another way to reach them."
                self.add_error("email", words)
        elif not answers.get("email") and not answers.get("phone") and "phone" not in wrong:
            self.add_error("phone", "Enter a phone number: there is no other way to reach them.")

    def _keep_no_health_without_leave(self, answers):
        said = answers.get("consent_health_data")
        came_with_referral = said == NOT_ASKED and answers.get("origin") == Origin.REFERRAL
        if said not in NO_HEALTH or came_with_referral:
            return
        for name, what_to_do in TAKE_OUT.items():
            if answers.get(name):
                self.add_error(name, NO_HEALTH[said].format(what_to_do))

    def arrival(self):
        answers = self.cleaned_data
        return Arrival(
            origin=Origin(answers["origin"]),
            received_at=answers["received_at"],
            referred_by=answers["referred_by"],
            was_spoken_to=answers["first_reply"] == SPOKE,
            is_taken=answers["is_taken"],
            is_confirmed=answers["is_confirmed"],
        )

    def consents(self):
        """(wording, is given) of what was said: a box left empty may never have been asked."""
        ticked = [
            (wording, True)
            for wording in (consents.VOICEMAIL_SPOKEN, consents.TEXT_SPOKEN)
            if self.cleaned_data[wording.field]
        ]
        return [*ticked, self._health_data()]

    def _health_data(self):
        said = self.cleaned_data["consent_health_data"]
        if said != NOT_ASKED:
            return consents.HEALTH_DATA_SPOKEN, said == YES
        is_referred = self.cleaned_data["origin"] == Origin.REFERRAL
        return (consents.NOT_ASKED_REFERRED if is_referred else consents.NOT_ASKED), False


def _this_minute():
    return timezone.now().replace(second=0, microsecond=0)

"""The patient's form."""

from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Div, Field, Fieldset, Layout
from django import forms
from phonenumber_field.formfields import PhoneNumberField

from practice.models import Surgeon
from procedures.models import Procedure

from .consents import HEALTH_DATA, ON_THE_FORM
from .models import BestTime, ConsultationRequest, ContactMethod

PHONE_METHODS = (ContactMethod.PHONE, ContactMethod.TEXT)


class ConsultationForm(forms.ModelForm):
    """Everything a patient is asked, in three groups. Hidden answers are dropped by `clean`."""

    phone = PhoneNumberField(
        label="Phone number",
        required=False,
        help_text="For a number outside the US, start with + and the country code.",
        error_messages={
            "invalid": "Enter a phone number with its area code, such as 512 555 0142, "
            "or with + and the country code."
        },
    )
    consent_health_data = forms.BooleanField(
        label=HEALTH_DATA.text,
        error_messages={
            "required": "We may only read your request if you agree. Tick the box, or call us."
        },
    )
    # A field no person sees; whatever fills it is a program.
    website = forms.CharField(label="Leave this empty", required=False)
    token = forms.CharField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = ConsultationRequest
        fields = (
            "full_name",
            "preferred_name",
            "email",
            "phone",
            "is_under_18",
            "guardian_name",
            "guardian_relationship",
            "procedure",
            "surgeon",
            "message",
            "contact_method",
            "best_time",
            "interpreter_language",
            "may_leave_voicemail",
            "may_text",
        )
        labels = {
            "full_name": "Full name",
            "preferred_name": "What should we call you? (optional)",
            "email": "Email address",
            "is_under_18": "The patient is under 18",
            "guardian_name": "Parent or guardian’s full name",
            "guardian_relationship": "Relationship to the patient",
            "procedure": "Procedure (optional)",
            "surgeon": "Surgeon (optional)",
            "message": "What would you like to discuss?",
            "contact_method": "How should we contact you?",
            "best_time": "When suits you best?",
            "interpreter_language": "Interpreter needed? Which language? (optional)",
        }
        help_texts = {
            "email": "We confirm your request here. Our emails never mention health details.",
            "message": "What bothers you, since when, and what you hope for. "
            "A few sentences are enough.",
        }
        error_messages = {
            "full_name": {"required": "Enter your full name."},
            "email": {
                "required": "Enter your email address.",
                "invalid": "Enter an email address like name@example.com.",
            },
            "message": {"required": "Tell us in a few words what you would like to discuss."},
            "contact_method": {"required": "Choose how we should contact you."},
        }
        widgets = {
            "message": forms.Textarea(attrs={"rows": 6}),
            "contact_method": forms.RadioSelect,
            "best_time": forms.RadioSelect,
        }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._choose_from_live_pages()
        self._require_and_limit()
        for name, autocomplete in (
            ("full_name", "name"),
            ("preferred_name", "nickname"),
            ("email", "email"),
            ("phone", "tel"),
        ):
            self.fields[name].widget.attrs["autocomplete"] = autocomplete
        self.fields["phone"].widget.input_type = "tel"
        self.fields["phone"].widget.attrs["inputmode"] = "tel"
        for wording in ON_THE_FORM:
            self.fields[wording.field].label = wording.text
        self.helper = self._helper()

    def _choose_from_live_pages(self):
        procedure, surgeon = self.fields["procedure"], self.fields["surgeon"]
        procedure.queryset = Procedure.objects.published().select_related("category")
        procedure.empty_label = "Something else, or not sure yet"
        surgeon.queryset = Surgeon.objects.published()
        surgeon.empty_label = "No preference"

    def _require_and_limit(self):
        self.fields["message"].required = True
        self.fields["message"].max_length = 5000
        self.fields["message"].widget.attrs["maxlength"] = 5000
        self.fields["best_time"].initial = BestTime.ANY
        # An unanswered radio group is a question, not an answer given for the patient.
        self.fields["contact_method"].initial = None
        self.fields["contact_method"].choices = ContactMethod.choices

    def _helper(self):
        helper = FormHelper()
        helper.form_tag = False
        helper.disable_csrf = True
        helper.error_text_inline = True
        helper.layout = Layout(
            "token",
            Div(Field("website", autocomplete="off", tabindex="-1"), css_class="left-empty"),
            Fieldset(
                "About you",
                "full_name",
                "preferred_name",
                "email",
                "phone",
                "is_under_18",
                Div("guardian_name", "guardian_relationship", css_class="guardian"),
            ),
            Fieldset("What you would like to discuss", "procedure", "surgeon", "message"),
            Fieldset(
                "How we may contact you",
                "contact_method",
                "best_time",
                "interpreter_language",
                HTML("<p class='form-note'>Tick only what is fine with you.</p>"),
                "may_leave_voicemail",
                "may_text",
                "consent_health_data",
            ),
        )
        return helper

    def clean(self):
        answers = super().clean()
        if answers.get("contact_method") in PHONE_METHODS:
            if not answers.get("phone") and "phone" not in self.errors:
                self.add_error("phone", "Enter a phone number, or choose email as the way to reach you.")
        if answers.get("contact_method") == ContactMethod.TEXT and not answers.get("may_text"):
            self.add_error("may_text", "Tick this to be reached by text, or choose another way.")
        if answers.get("is_under_18"):
            for name, message in (
                ("guardian_name", "Enter the full name of a parent or guardian."),
                ("guardian_relationship", "Say how they are related, such as mother."),
            ):
                if not answers.get(name):
                    self.add_error(name, message)
        else:
            answers["guardian_name"] = answers["guardian_relationship"] = ""
        return answers

    def answers(self):
        """Cleaned answers for `intake.submit`, by field name of ConsultationRequest."""
        return {name: self.cleaned_data[name] for name in self.Meta.fields}

    def consents(self):
        """The fields of the consents that were ticked."""
        return [w.field for w in ON_THE_FORM if self.cleaned_data.get(w.field)]

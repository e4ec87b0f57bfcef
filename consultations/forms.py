"""The patient's forms: the request itself, and what may be changed or added afterwards."""

from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Div, Field, Fieldset, Layout
from django import forms
from django.utils.functional import cached_property
from phonenumber_field.formfields import PhoneNumberField

from practice.mail_addresses import AddressField

from . import photos
from .as_shown import AsShown
from .choices import BestTime, ContactMethod
from .consents import HEALTH_DATA, ON_THE_FORM, TEXT, VOICEMAIL
from .models import ConsultationRequest
from .one_line import LineField

PHONE_METHODS = (ContactMethod.PHONE, ContactMethod.TEXT)
LONGEST_MESSAGE = 5000


class LivePageField(forms.ChoiceField):
    """A choice among pages that patients can see now, or none of them."""

    default_error_messages = {
        "invalid_choice": "Select a valid choice. That choice is not one of the available choices."
    }

    def offer(self, pages, otherwise):
        self.pages = {str(page.pk): page for page in pages}
        self.choices = [("", otherwise), *((key, str(page)) for key, page in self.pages.items())]

    def prepare_value(self, value):
        return getattr(value, "pk", value)

    def to_python(self, value):
        if value in self.empty_values:
            return None
        page = self.pages.get(str(value))
        if page is None:
            raise forms.ValidationError(self.error_messages["invalid_choice"], "invalid_choice")
        return page

    def valid_value(self, value):
        return True  # `to_python` has found it among the pages.


class ConsultationForm(forms.ModelForm):
    """Everything a patient is asked, in three groups. Hidden answers are dropped by `clean`."""

    phone = PhoneNumberField(
        label="Phone number",
        required=False,
        help_text="For a number outside the US, start with + and the country code.",
        error_messages={
            "invalid": "Enter a phone number with its area code, such as "
            "(512)\N{NO-BREAK SPACE}555-0142, or with + and the country code."
        },
    )
    procedure = LivePageField(label="Procedure (optional)", required=False)
    surgeon = LivePageField(label="Surgeon (optional)", required=False)
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
            "message",
            "contact_method",
            "best_time",
            "interpreter_language",
            "may_leave_voicemail",
            "may_text",
        )
        field_classes = {
            "full_name": LineField,
            "preferred_name": LineField,
            "email": AddressField,
            "guardian_name": LineField,
            "guardian_relationship": LineField,
            "interpreter_language": LineField,
        }
        labels = {
            "full_name": "Full name",
            "preferred_name": "What should we call you? (optional)",
            "email": "Email address",
            "is_under_18": "The patient is under 18",
            "guardian_name": "Parent or guardian’s full name",
            "guardian_relationship": "Relationship to the patient",
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
            "email": {"required": "Enter your email address."},
            "message": {"required": "Tell us in a few words what you would like to discuss."},
            "contact_method": {"required": "Choose how we should contact you."},
        }
        widgets = {
            "message": forms.Textarea(attrs={"rows": 6}),
            "contact_method": forms.RadioSelect,
            "best_time": forms.RadioSelect,
        }

    wordings = ON_THE_FORM
    NO_NUMBER = "Enter a phone number, or choose email as the way to reach you."
    SHORTEN = "Shorten it, and tell us the rest when we talk."

    # As the page shows them, which is the order of the errors as well.
    field_order = (*Meta.fields[:7], "procedure", "surgeon")

    def __init__(self, *args, facts=None, **kwargs):
        """`facts` are form_facts.Facts, or None while the database is gone."""
        super().__init__(*args, **kwargs)
        if facts is None:
            # What was chosen travels along unseen until there are names to choose from again.
            for name in ("procedure", "surgeon"):
                self.fields[name] = forms.CharField(widget=forms.HiddenInput, required=False)
        else:
            self.fields["procedure"].offer(facts.procedures, "Something else, or not sure yet")
            self.fields["surgeon"].offer(facts.surgeons, "No preference")
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
        for wording in self.wordings:
            self.fields[wording.field].label = wording.text

    @classmethod
    def as_sent(cls, data, facts):
        """A form to read what was sent; `facts` as above. It is not for showing."""
        return SentForm(data, facts.once(SentForm, lambda: cls(facts=facts).fields))

    def _require_and_limit(self):
        self.fields["email"].required = self.fields["message"].required = True
        self.fields["message"].widget.attrs["maxlength"] = LONGEST_MESSAGE
        self.fields["best_time"].initial = BestTime.ANY
        # An unanswered radio group is a question, not an answer given for the patient.
        self.fields["contact_method"].initial = None
        self.fields["contact_method"].choices = ContactMethod.choices

    @cached_property
    def helper(self):
        """The layout, which is needed only where the form is shown."""
        helper = FormHelper()
        helper.form_tag = False
        helper.disable_csrf = True
        helper.error_text_inline = True
        helper.layout = Layout(
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
                HTML("<p class='form-note'>Tick only what is fine with you:</p>"),
                "may_leave_voicemail",
                "may_text",
            ),
            Div(
                HTML("<p>We need this to read your request:</p>"),
                "consent_health_data",
                css_class="consent",
            ),
        )
        return helper

    def clean_message(self):
        # Browsers count a line break as one character and send it as two.
        message = self.cleaned_data["message"].replace("\r\n", "\n")
        if len(message) > LONGEST_MESSAGE:
            raise forms.ValidationError(
                f"This is {len(message):,} characters long and {LONGEST_MESSAGE:,} fit. "
                f"{self.SHORTEN}"
            )
        return message

    def clean(self):
        answers = super().clean()
        if answers.get("contact_method") in PHONE_METHODS:
            if not answers.get("phone") and "phone" not in self.errors:
                self.add_error("phone", self.NO_NUMBER)
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
        names = (*self.Meta.fields, "procedure", "surgeon")
        return {name: self.cleaned_data[name] for name in names}

    def consents(self):
        """The fields of the consents that were ticked."""
        return [w.field for w in ON_THE_FORM if self.cleaned_data.get(w.field)]


class SentForm(ConsultationForm):
    """Shares its fields with all others of its kind: making them takes longer than reading.

    Showing a form may change its fields, which is why this one is never shown. Nor does it
    make a row: the fields have checked all that the model would check, and `intake` makes it.
    """

    def __init__(self, data, fields):
        self.base_fields = _Shared(fields)
        forms.BaseForm.__init__(self, data)

    def _post_clean(self):
        pass


class _Shared(dict):
    """Fields that a form does not copy."""

    def __deepcopy__(self, memo):
        return dict(self)


class PrivateForm(AsShown, forms.Form):
    """A form on the patient's private page about facts that staff may change meanwhile."""

    def wishes(self, row):
        """What the patient changed and is not so already."""
        changes = self.changes(self.cleaned_data)
        return {name: value for name, value in changes.items() if value != getattr(row, name)}

    def say_what_changed(self, row):
        """Once refused: beside each field what it is now, so that sending again is a decision."""
        seen = self.seen()
        for name in self.wishes(row):
            if getattr(row, name) != seen[name]:
                self.add_error(name, self.meanwhile(getattr(row, name)))
        self.compare_with(row)


class ContactForm(PrivateForm):
    """How the patient is reached, correctable on their private page."""

    phone = PhoneNumberField(
        label="Phone number",
        required=False,
        show_hidden_initial=True,
        help_text=ConsultationForm.base_fields["phone"].help_text,
        error_messages=dict(ConsultationForm.base_fields["phone"].error_messages),
    )
    email = AddressField(
        label="Email address",
        max_length=254,
        show_hidden_initial=True,
        error_messages=ConsultationForm.Meta.error_messages["email"],
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["phone"].widget.attrs["autocomplete"] = "tel"
        self.fields["email"].widget.attrs["autocomplete"] = "email"

    def meanwhile(self, now):
        now = f"Meanwhile this was changed to {now}." if now else "Meanwhile this was taken out."
        return f"{now} Save again to have what you typed instead."


class ConsentsForm(PrivateForm):
    """What the patient allows beside the request itself, to be given or taken back."""

    may_leave_voicemail = forms.BooleanField(
        label=VOICEMAIL.text, required=False, show_hidden_initial=True
    )
    may_text = forms.BooleanField(label=TEXT.text, required=False, show_hidden_initial=True)

    def meanwhile(self, now):
        return f"Meanwhile this is {'' if now else 'no longer '}allowed. Save again to change it."


class PhotoForm(forms.Form):
    """One file for each view that helps with this procedure; each checked by `photos`.

    Views that are here already are not asked for again. Where a page was opened before they
    came they still are, so what it sends is read by the names that every page has for them.
    """

    GENERAL_VIEWS = ("Front", "Left side", "Right side")
    ANOTHER = "Another photograph"

    def __init__(self, *args, request, **kwargs):
        super().__init__(*args, **kwargs)
        asked_for = request.procedure.views_to_photograph if request.procedure else ()
        views = [*(asked_for or self.GENERAL_VIEWS), self.ANOTHER]
        self.views = {f"view_{number}": view for number, view in enumerate(views)}
        held = [photo.view for photo in request.photos.all()]
        self.room = max(0, photos.MOST - len(held))
        missing = [n for n, view in self.views.items() if view == self.ANOTHER or view not in held]
        self.offered = missing[: self.room]
        for name in self.views if self.is_bound else self.offered:
            self.fields[name] = PatientPhotoField(label=self.views[name])

    def clean(self):
        answers = super().clean()
        if not self.errors and not any(answers.get(name) for name in self.views):
            raise forms.ValidationError(
                "Choose at least one photograph, then press Send photographs."
            )
        return answers

    def __iter__(self):
        """The fields to show: what is asked for, and when it is sent back what is wrong."""
        fields = super().__iter__()
        return (each for each in fields if each.name in self.offered or each.name in self.errors)

    def pictures(self):
        """(view, image) for every picture that was chosen."""
        chosen = ((view, self.cleaned_data.get(name)) for name, view in self.views.items())
        return [(view, image) for view, image in chosen if image]


class PatientPhotoField(forms.FileField):
    widget = forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp"})

    def __init__(self, **kwargs):
        super().__init__(required=False, max_length=255, **kwargs)

    def clean(self, data, initial=None):
        upload = super().clean(data, initial)
        return upload and photos.checked(upload)

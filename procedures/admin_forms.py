"""The publishing gate as an editor meets it: an error beside the field that is missing."""

from types import SimpleNamespace

from django import forms
from django.core.exceptions import ValidationError

from practice.publishing import Publishable

from . import editorial
from .models import MARKDOWN, BeforeAfterCase, Procedure

LIVE = (Publishable.Status.PUBLISHED, Publishable.Status.SCHEDULED)


class SourceFormSet(forms.BaseInlineFormSet):
    """Tells its page how many sources there will be, because the page's gate asks for one."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.is_bound:
            self.instance.submitted_sources = self

    def remaining(self):
        """How many rows are left once this is saved."""
        return sum(
            1
            for form in self.forms
            if form.is_valid()
            and form.cleaned_data.get("title")
            and not form.cleaned_data.get("DELETE")
        )

    def clean(self):
        super().clean()
        if self.instance.status in LIVE and not self.remaining():
            raise ValidationError(f"Add a source. {editorial.REQUIRED['sources']}")


class CaseForm(forms.ModelForm):
    """Shows the pictures on file as far as patients may see them: consent binds staff as well."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance.before:
            is_visible = BeforeAfterCase.objects.shows(self.instance.before.name)
            for name in ("before", "after"):
                self.fields[name].widget.can_be_seen = is_visible


class ProcedureForm(forms.ModelForm):
    class Meta:
        model = Procedure
        fields = "__all__"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name, heading in editorial.SECTIONS:
            if name in self.fields:
                self.fields[name].label = heading
                self.fields[name].help_text = f"{editorial.GUIDE[name]} {MARKDOWN}"

    def clean(self):
        answers = super().clean()
        if answers.get("status") in LIVE:
            for finding in self.findings(answers):
                field = finding.field if finding.field in self.fields else None
                self.add_error(field, finding.message)
        return answers

    def findings(self, answers):
        """What the page as typed lacks; sources are counted in the rows sent along with it."""
        submitted = getattr(self.instance, "submitted_sources", None)
        if submitted is None:
            sources = self.instance.sources.count() if self.instance.pk else 0
        else:
            sources = submitted.remaining()
        texts = {name: answers.get(name) or "" for name in editorial.HEADINGS}
        return editorial.missing(SimpleNamespace(**texts), sources)

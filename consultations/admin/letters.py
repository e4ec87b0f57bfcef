"""Reply templates, and the receipts that stay behind when somebody's data is erased."""

from django import forms
from django.apps import apps
from django.contrib import admin

from practice.editing.read_only_admin import ReadOnlyAdmin

from ..models import ErasureReceipt, ReplyTemplate
from ..staff_work import replies


class ReplyTemplateForm(forms.ModelForm):
    def clean_subject(self):
        return self._checked("subject")

    def clean_body(self):
        return self._checked("body")

    def _checked(self, field):
        replies.check_placeholders(self.cleaned_data[field])
        return self.cleaned_data[field]


@admin.register(ReplyTemplate)
class ReplyTemplateAdmin(admin.ModelAdmin):
    form = ReplyTemplateForm
    list_display = ["name", "subject", "position"]


@admin.register(ErasureReceipt)
class ErasureReceiptAdmin(ReadOnlyAdmin, admin.ModelAdmin):
    list_display = ["erased_at", "reason", "by_name"]
    fields = ["erased_at", "reason", "by_name", "erased", "reference_digest"]
    when_empty = "Nobody’s data has been erased yet."

    @admin.display(description="what was erased")
    def erased(self, receipt):
        """In words: the receipt names models, by what Django counts."""
        named = {
            model.__name__: model._meta.verbose_name
            for app in ("auditlog", "post_office", "consultations")
            for model in apps.get_app_config(app).get_models()
        }
        counts = sorted(receipt.counts.items())
        parts = (f"{number} × {named.get(what, what.lower())}" for what, number in counts)
        return ", ".join(parts) or "–"

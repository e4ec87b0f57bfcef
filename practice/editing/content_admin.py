"""What the admins of all pages share: plain fields, the gate on publishing, their versions."""

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.html import format_html

from ..mail_addresses import AddressField
from ..media.pictures import PictureField
from ..publishing import Publishable
from .picture_input import PictureInput, StoredFileInput
from .stale_edits import StaleEdits
from .version_admin import VersionedAdmin

TONES = {
    Publishable.Status.DRAFT: "quiet",
    Publishable.Status.SCHEDULED: "warn",
    Publishable.Status.PUBLISHED: "good",
    Publishable.Status.WITHDRAWN: "bad",
}


class ProseField(forms.CharField):
    """Text with line breaks as they are stored, not as browsers send them, so that a text
    which nobody touched has not changed."""

    def to_python(self, value):
        return super().to_python(value).replace("\r\n", "\n")


# The browser's own pickers work without scripts and carry one label each.
PLAIN_WIDGETS = {
    models.DateTimeField: {
        "form_class": forms.DateTimeField,
        "widget": forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M"),
    },
    models.DateField: {"widget": forms.DateInput({"type": "date"}, "%Y-%m-%d")},
    models.EmailField: {"form_class": AddressField},
    models.FileField: {"widget": StoredFileInput},
    PictureField: {"widget": PictureInput},
    models.TextField: {"form_class": ProseField},
    models.TimeField: {"widget": forms.TimeInput({"type": "time"}, "%H:%M")},
    models.URLField: {
        "assume_scheme": "https",
        "widget": forms.URLInput({"class": "vTextField"}),
    },
    models.ManyToManyField: {"widget": forms.CheckboxSelectMultiple},
}
PUBLICATION = (
    "Publication and review",
    {
        "fields": (
            ("status", "publish_at"),
            ("reviewed_by", "last_reviewed", "review_due"),
            "unreviewed_note",
        )
    },
)


class PlainFields:
    """For a ModelAdmin or an inline: native pickers, no buttons that edit other pages."""

    formfield_overrides = PLAIN_WIDGETS

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field


class NamedFormSet(forms.BaseInlineFormSet):
    """Names each field of a row: in a table the column's heading is no label."""

    def add_fields(self, form, index):
        super().add_fields(form, index)
        for name, field in form.fields.items():
            label = field.label or name.replace("_", " ").capitalize()
            field.widget.attrs.setdefault("aria-label", label)


class RowsInline(PlainFields, admin.TabularInline):
    template = "admin/rows_inline.html"
    formset = NamedFormSet
    extra = 1


class PartsInline(PlainFields, admin.StackedInline):
    extra = 1


class PublishableAdmin(StaleEdits, VersionedAdmin, PlainFields, admin.ModelAdmin):
    """For models that are Publishable."""

    actions = ["publish", "withdraw"]
    list_filter = ["status"]
    show_full_result_count = False
    prepopulated_fields = {"slug": ["name"]}
    save_on_top = True

    def view_on_site(self, page):
        return page.get_absolute_url() if page.is_live else None

    @admin.display(description="status", ordering="status")
    def state(self, page):
        return format_html(
            '<span class="badge is-{}">{}</span>', TONES[page.status], page.get_status_display()
        )

    def save_related(self, request, form, formsets, change):
        """A new version for every change of the page or of a row that belongs to it."""
        changed = form.has_changed() or any(formset.has_changed() for formset in formsets)
        if change and changed:
            page = form.instance
            page.begin_new_version()
            page.save(update_fields=page.VERSION)
        super().save_related(request, form, formsets, change)

    @admin.action(description="Publish", permissions=["change"])
    def publish(self, request, queryset):
        """Each page through its own gate; one that may not go live says what it lacks."""
        for page in queryset:
            missing = page.missing_for_publication()
            if missing:
                words = " ".join(finding.message for finding in missing)
                self.message_user(request, f"{page} was not published. {words}", messages.ERROR)
                continue
            try:
                page.publish()
            except ValidationError as error:
                words = " ".join(error.messages)
                self.message_user(request, f"{page} was not published. {words}", messages.ERROR)
            except self.model.DoesNotExist:
                self._say_it_is_gone(request, page)
            else:
                self.log_change(request, page, "Published.")
                self.message_user(request, f"{page} is published.", messages.SUCCESS)

    @admin.action(description="Withdraw", permissions=["change"])
    def withdraw(self, request, queryset):
        for page in queryset.exclude(status=Publishable.Status.WITHDRAWN):
            try:
                page.withdraw()
            except self.model.DoesNotExist:
                self._say_it_is_gone(request, page)
                continue
            self.log_change(request, page, "Withdrawn.")
            self.message_user(
                request, f"{page} is withdrawn: patients no longer see it.", messages.SUCCESS
            )

    def _say_it_is_gone(self, request, page):
        words = f"{page} was deleted by somebody else just now."
        self.message_user(request, words, messages.WARNING)

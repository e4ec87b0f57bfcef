"""The record of who changed and who looked: to be read, by nobody to be written."""

from auditlog import admin as stock  # noqa: F401 (registers, to be replaced)
from auditlog.models import LogEntry
from auditlog.registry import auditlog
from auditlog.render import get_field_verbose_name
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.text import capfirst

from practice.editing.read_only_admin import ReadOnlyAdmin
from practice.staff_words import ChoicesInOurWords

from . import audit_changes

admin.site.unregister(LogEntry)


class KindFilter(admin.SimpleListFilter):
    """By what was changed or looked at. Asks the registry: the log itself is long."""

    title = "what it was"
    parameter_name = "resource_type"

    def lookups(self, request, model_admin):
        kinds = ContentType.objects.get_for_models(*auditlog.get_models()).values()
        return sorted(((kind.pk, capfirst(kind.name)) for kind in kinds), key=lambda each: each[1])

    def queryset(self, request, queryset):
        value = self.value()
        if value and value.isdecimal():
            return queryset.filter(content_type_id=int(value))
        return queryset


@admin.register(LogEntry)
class AuditAdmin(ReadOnlyAdmin, admin.ModelAdmin):
    list_display = ["timestamp", "who", "what_happened", "to_what", "changed_fields"]
    list_display_links = ["timestamp"]
    list_filter = [("action", ChoicesInOurWords), KindFilter]
    when_empty = "Nothing is recorded yet."
    list_select_related = ["content_type", "actor"]
    search_fields = ["=object_repr", "actor__username", "actor__first_name", "actor__last_name"]
    search_help_text = "A reference in full, or the name of a member of staff."
    show_full_result_count = False
    ordering = ["-timestamp"]
    fields = ["timestamp", "who", "what_happened", "to_what", "remote_addr", "changes_in_full"]

    @admin.display(description="who", ordering="actor")
    def who(self, entry):
        return str(entry.actor) if entry.actor else entry.actor_email or "System"

    @admin.display(description="what", ordering="action")
    def what_happened(self, entry):
        return entry.get_action_display()

    @admin.display(description="to what")
    def to_what(self, entry):
        kind = entry.content_type
        label = f"{capfirst(kind.name)} {entry.object_repr}"
        try:
            url = reverse(f"admin:{kind.app_label}_{kind.model}_change", args=[entry.object_pk])
        except NoReverseMatch:
            return label
        return format_html('<a href="{}">{}</a>', url, label)

    @admin.display(description="what changed")
    def changed_fields(self, entry):
        """Of a change only: where all is new or gone, the names of all fields say nothing."""
        if entry.action != LogEntry.Action.UPDATE:
            return ""
        names = (get_field_verbose_name(entry, name) for name in entry.changes_dict)
        return ", ".join(sorted(names))

    @admin.display(description="changes")
    def changes_in_full(self, entry):
        return audit_changes.table(entry)

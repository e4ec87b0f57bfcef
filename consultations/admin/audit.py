"""The record of who changed and who looked: to be read, by nobody to be written."""

from auditlog import admin as stock
from auditlog.models import LogEntry
from django.contrib import admin
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html

from practice.editing.read_only_admin import ReadOnlyAdmin

admin.site.unregister(LogEntry)
WORDS = {
    LogEntry.Action.CREATE: "Added",
    LogEntry.Action.UPDATE: "Changed",
    LogEntry.Action.DELETE: "Deleted",
    LogEntry.Action.ACCESS: "Looked at",
}


@admin.register(LogEntry)
class AuditAdmin(ReadOnlyAdmin, admin.ModelAdmin):
    list_display = ["timestamp", "who", "what_happened", "to_what", "changed_fields"]
    list_display_links = ["timestamp"]
    list_filter = ["action", stock.ResourceTypeFilter]
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
        return WORDS[entry.action]

    @admin.display(description="to what")
    def to_what(self, entry):
        kind = entry.content_type
        label = f"{kind.name} {entry.object_repr}"
        try:
            url = reverse(f"admin:{kind.app_label}_{kind.model}_change", args=[entry.object_pk])
        except NoReverseMatch:
            return label
        return format_html('<a href="{}">{}</a>', url, label)

    @admin.display(description="fields")
    def changed_fields(self, entry):
        if entry.action in (LogEntry.Action.DELETE, LogEntry.Action.ACCESS):
            return ""
        return ", ".join(sorted(entry.changes_dict))

    @admin.display(description="changes")
    def changes_in_full(self, entry):
        return stock.LogEntryAdminMixin().msg(entry) or "–"

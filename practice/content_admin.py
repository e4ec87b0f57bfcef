"""What the admins of all pages share: the gate on publishing, and counting their versions."""

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.html import format_html

from .publishing import Publishable

TONES = {
    Publishable.Status.DRAFT: "quiet",
    Publishable.Status.SCHEDULED: "warn",
    Publishable.Status.PUBLISHED: "good",
    Publishable.Status.WITHDRAWN: "bad",
}
PUBLICATION = (
    "Publication and review",
    {
        "fields": (
            ("status", "publish_at"),
            ("reviewed_by", "last_reviewed", "review_due"),
        )
    },
)


class PublishableAdmin(admin.ModelAdmin):
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
        super().save_related(request, form, formsets, change)
        changed = form.has_changed() or any(formset.has_changed() for formset in formsets)
        if change and changed:
            page = form.instance
            page.content_version += 1
            page.content_changed_at = timezone.now()
            page.save(update_fields=["content_version", "content_changed_at"])

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
            else:
                self.log_change(request, page, "Published.")
                self.message_user(request, f"{page} is published.", messages.SUCCESS)

    @admin.action(description="Withdraw", permissions=["change"])
    def withdraw(self, request, queryset):
        for page in queryset.exclude(status=Publishable.Status.WITHDRAWN):
            page.status = Publishable.Status.WITHDRAWN
            page.publish_at = None
            page.save()
            self.log_change(request, page, "Withdrawn.")
            self.message_user(
                request, f"{page} is withdrawn: patients no longer see it.", messages.SUCCESS
            )

"""The queue of outgoing mail: what waits, what failed and why, and sending it again.

Bodies stay hidden: they hold the patient's private link, and nobody needs them to see why
a mail did not leave.
"""

from django.contrib import admin, messages
from django.db.models import OuterRef, Subquery
from django.utils.html import format_html
from post_office import admin as stock  # Registered first, so that it can be replaced here.
from post_office.models import STATUS, Attachment, Email, EmailTemplate, Log

for model in (Attachment, Email, EmailTemplate, Log):
    admin.site.unregister(model)

BADGES = {
    STATUS.sent: ("good", "Sent"),
    STATUS.failed: ("bad", "Failed"),
    STATUS.queued: ("warn", "Waiting"),
    STATUS.requeued: ("warn", "Waiting to be tried again"),
}
UNSENT = (STATUS.failed, STATUS.requeued)


def send_again(mails) -> int:
    """Puts mails back to the front of the queue with all their tries; how many."""
    return mails.update(status=STATUS.queued, scheduled_time=None, number_of_retries=None)


class AttemptInline(stock.LogInline):
    verbose_name = "attempt"
    verbose_name_plural = "attempts"
    readonly_fields = fields = ["date", "status", "exception_type", "message"]


@admin.register(Email)
class MailAdmin(admin.ModelAdmin):
    list_display = ["recipients", "subject", "state", "created", "tries", "next_try", "last_error"]
    list_filter = ["status"]
    search_fields = ["to"]
    search_help_text = "The recipient's address, or a part of it."
    show_full_result_count = False
    # The library's own templates offer what is left out here.
    change_form_template = "admin/change_form.html"
    change_list_template = "admin/change_list.html"
    ordering = ["-created"]
    fields = readonly_fields = [
        *("recipients", "from_email", "subject", "state"),
        *("created", "last_updated", "tries", "next_try", "last_error"),
    ]
    inlines = [AttemptInline]
    actions = ["requeue"]

    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def get_queryset(self, request):
        latest = Log.objects.filter(email=OuterRef("pk"), status=STATUS.failed).order_by("-pk")
        return (
            super()
            .get_queryset(request)
            .defer("message", "html_message", "context", "headers")
            .annotate(error=Subquery(latest.values("message")[:1]))
        )

    @admin.display(description="to", ordering="to")
    def recipients(self, mail):
        return ", ".join([*mail.to, *mail.cc, *mail.bcc])

    @admin.display(ordering="status")
    def state(self, mail):
        tone, words = BADGES.get(mail.status, ("warn", "Draft"))
        return format_html('<span class="badge is-{}">{}</span>', tone, words)

    @admin.display(ordering="number_of_retries")
    def tries(self, mail):
        return (mail.number_of_retries or 0) + (mail.status in (STATUS.sent, STATUS.failed))

    @admin.display(ordering="scheduled_time")
    def next_try(self, mail):
        if mail.status in (STATUS.queued, STATUS.requeued):
            return mail.scheduled_time or "as soon as the worker runs"
        return "–"

    @admin.display(description="last error")
    def last_error(self, mail):
        return mail.error or "–"

    @admin.action(description="Send again: mails that failed or wait", permissions=["change"])
    def requeue(self, request, queryset):
        """Sent mails stay as they are: a second copy would only confuse the patient."""
        again = send_again(queryset.exclude(status=STATUS.sent))
        left = queryset.filter(status=STATUS.sent).count()
        self.message_user(request, f"{again} will be sent now.", messages.SUCCESS)
        if left:
            self.message_user(
                request, f"{left} had been sent already and were left alone.", messages.WARNING
            )

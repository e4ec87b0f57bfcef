"""The queue of outgoing mail: what waits, what failed and why, and sending it again.

Bodies stay hidden: they hold the patient's private link, and nobody needs them to see why
a mail did not leave.
"""

from django.contrib import admin, messages
from django.db.models import OuterRef, Subquery
from django.utils.html import format_html
from post_office import admin as stock  # Registered first, so that it can be replaced here.
from post_office.models import STATUS, Attachment, Email, EmailTemplate, Log

from practice.staff_words import ChoicesInOurWords
from practice.templatetags.text import moment

for model in (Attachment, Email, EmailTemplate, Log):
    admin.site.unregister(model)

TONES = {STATUS.sent: "good", STATUS.failed: "bad"}
UNSENT = (STATUS.failed, STATUS.requeued)


def send_again(mails) -> int:
    """Puts mails back to the front of the queue with all their tries; how many."""
    return mails.update(status=STATUS.queued, scheduled_time=None, number_of_retries=None)


def badge(row):
    words = row.get_status_display() or "Draft"
    return format_html('<span class="badge is-{}">{}</span>', TONES.get(row.status, "warn"), words)


class AttemptInline(stock.LogInline):
    readonly_fields = fields = ["at", "state", "exception_type", "message"]

    @admin.display(description="when")
    def at(self, attempt):
        return moment(attempt.date)

    @admin.display(description="state")
    def state(self, attempt):
        return badge(attempt)


@admin.register(Email)
class MailAdmin(admin.ModelAdmin):
    list_display = ["recipients", "subject", "state", "created", "tries", "next_try", "last_error"]
    list_filter = [("status", ChoicesInOurWords)]
    when_empty = "No email was queued yet."
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

    def has_change_permission(self, request, obj=None):
        """To send again, from the list; of one mail there is nothing to change."""
        return obj is None and super().has_change_permission(request)

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

    @admin.display(description="state", ordering="status")
    def state(self, mail):
        return badge(mail)

    @admin.display(ordering="number_of_retries")
    def tries(self, mail):
        return (mail.number_of_retries or 0) + (mail.status in (STATUS.sent, STATUS.failed))

    @admin.display(ordering="scheduled_time")
    def next_try(self, mail):
        if mail.status in (STATUS.queued, STATUS.requeued):
            is_timed = mail.scheduled_time is not None
            return moment(mail.scheduled_time) if is_timed else "as soon as the worker runs"
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

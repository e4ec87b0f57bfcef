"""The list of background jobs: what each is for, how it fares, and a button to run it now."""

from auditlog.models import LogEntry
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.timesince import timesince, timeuntil

from ..backups.record import BACKUP
from ..editing.read_only_admin import ReadOnlyAdmin
from ..models import JobRun
from .health import HEARTBEAT

CHANGELIST = "admin:practice_jobrun_changelist"
NAMES = {HEARTBEAT: "The worker itself", "mail": "Mail"}
# The first two run all the time, the last is the server's.
NOT_ASKED_FOR = (HEARTBEAT, "mail", BACKUP.name)


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin, admin.ModelAdmin):
    list_display = ["name", "state", "last_start", "took", "trouble", "next_due", "run_now"]
    list_display_links = None
    change_list_template = "admin/practice/jobrun/change_list.html"
    when_empty = "None has run yet. They begin when the background worker is started."
    fields = ["name", "purpose", "state", "last_start", "took", "last_success", "trouble"]
    fields += ["next_due"]
    ordering = ["job"]
    show_full_result_count = False

    def get_urls(self):
        view = self.admin_site.admin_view(self.run_now_view)
        return [
            path("<path:object_id>/run/", view, name="practice_jobrun_run"),
            *super().get_urls(),
        ]

    def get_list_display(self, request):
        may_run = request.user.has_perm("practice.change_jobrun")
        return self.list_display if may_run else self.list_display[:-1]

    def run_now_view(self, request, object_id):
        """Marks the job as due; the worker takes it up within seconds."""
        if not request.user.has_perm("practice.change_jobrun"):
            raise PermissionDenied
        run = get_object_or_404(JobRun.objects.exclude(job__in=NOT_ASKED_FOR), job=object_id)
        if request.method == "POST":
            JobRun.objects.filter(job=run.job).update(asked_at=timezone.now())
            LogEntry.objects.log_create(
                run,
                action=LogEntry.Action.UPDATE,
                changes={"run": ["", "asked for now"]},
                actor=request.user,
                actor_email=request.user.email,
            )
            words = f"“{_name(run)}” runs as soon as the worker has a moment."
            self.message_user(request, words, messages.SUCCESS)
        return redirect(CHANGELIST)

    @admin.display(description="job", ordering="job")
    def name(self, run):
        return format_html(
            '<strong>{}</strong><br><span class="quiet">{}</span>', _name(run), run.purpose
        )

    @admin.display(description="state")
    def state(self, run):
        words, tone = run.state()
        return format_html('<span class="badge is-{}">{}</span>', tone, words)

    @admin.display(description="last start", ordering="started_at")
    def last_start(self, run):
        return _ago(run.started_at)

    @admin.display(description="last success", ordering="succeeded_at")
    def last_success(self, run):
        return _ago(run.succeeded_at)

    @admin.display(description="took")
    def took(self, run):
        if run.seconds is None:
            return "–"
        if run.seconds < 60:
            return f"{run.seconds:.1f}\N{NO-BREAK SPACE}s"
        return f"{run.seconds / 60:.0f}\N{NO-BREAK SPACE}min"

    @admin.display(description="last error or warning", ordering="failures")
    def trouble(self, run):
        if not run.last_error:
            return "–"
        if not run.failures:
            return format_html_join("", "{}<br>", ([line] for line in run.last_error.splitlines()))
        times = f"{run.failures} time{'s'[: run.failures != 1]} in a row"
        return format_html(
            "{}<br>{}; last success: {}", run.last_error, times, _ago(run.succeeded_at)
        )

    @admin.display(description="next due", ordering="due_at")
    def next_due(self, run):
        if run.is_asked_for:
            return "Asked for: next in line"
        if run.due_at is None:
            return "–" if run.job in NOT_ASKED_FOR else "Turned off"
        if run.due_at <= timezone.now():
            return "Now"
        return f"in {timeuntil(run.due_at, depth=1)}"

    @admin.display(description="run now")
    def run_now(self, run):
        if run.job in NOT_ASKED_FOR or run.due_at is None:
            return ""
        # The list stands in a form of the admin's own, which brings the token.
        return format_html(
            '<button type="submit" class="button" formaction="{}">Run now'
            ' <span class="visually-hidden">{}</span></button>',
            reverse("admin:practice_jobrun_run", args=[run.job]),
            _name(run),
        )


def _name(run):
    name = NAMES.get(run.job, run.job)
    return name[0].upper() + name[1:]


def _ago(moment):
    return f"{timesince(moment, depth=1)} ago" if moment else "never"

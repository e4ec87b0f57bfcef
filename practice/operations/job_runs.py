"""What the database remembers of background work: who does it, and how each job fared."""

from datetime import timedelta

from django.db import models
from django.utils import timezone

# A job that was due this long ago is late: the worker is dead, or something holds it up.
OVERDUE_AFTER = timedelta(minutes=15)
# A run that neither ended nor was heard of for this long was cut off: its worker was killed.
CUT_OFF_AFTER = timedelta(hours=1)


class Lease(models.Model):
    """Who may do a background job now: one holder until `expires_at` (UTC)."""

    name = models.CharField(max_length=60, primary_key=True)
    holder = models.CharField(max_length=120)
    expires_at = models.DateTimeField()

    def __str__(self):
        return f"{self.name}: {self.holder}"


class JobRun(models.Model):
    """When each background job last ran and how that ended."""

    job = models.CharField(max_length=60, primary_key=True)
    purpose = models.CharField("what it is for", max_length=200, blank=True, db_default="")
    started_at = models.DateTimeField("last start", null=True)
    finished_at = models.DateTimeField(null=True)
    succeeded_at = models.DateTimeField("last success", null=True)
    # The kind of the error, never its words; of a JobFailed its words, which hold no value. After
    # a success, what that run warned of.
    last_error = models.TextField(blank=True)
    failures = models.PositiveIntegerField("failures in a row", default=0, db_default=0)
    # Both are the worker's plan: when it is due by its rule, and whether somebody asked before.
    due_at = models.DateTimeField("next due", null=True)
    asked_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "background job"

    def __str__(self):
        return self.job

    @property
    def is_asked_for(self):
        return bool(self.asked_at and (not self.started_at or self.asked_at > self.started_at))

    @property
    def seconds(self):
        """How long the last run took; None while it runs or when it never ended."""
        if not self.started_at or not self.finished_at or self.finished_at < self.started_at:
            return None
        return (self.finished_at - self.started_at).total_seconds()

    def state(self, now=None):
        """(words, tone) for the list of jobs."""
        now = now or timezone.now()
        if self.failures:
            return "Failed", "bad"
        if self.due_at and now - self.due_at > OVERDUE_AFTER:
            return "Overdue", "bad"
        if self.is_asked_for:
            return "Asked for", "warn"
        if not self.started_at:
            return "Has not run yet", "quiet"
        if self.finished_at is None:
            was_cut_off = now - self.started_at > CUT_OFF_AFTER
            return ("Cut off", "bad") if was_cut_off else ("Running", "warn")
        return ("Well, with a warning", "warn") if self.last_error else ("Well", "good")

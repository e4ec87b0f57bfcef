"""Who asked: consultation requests and everything that happens to them.

Health information (what a patient wrote, what staff note about them) is in encrypted
columns. `__str__` of every model here is free of it and of names, because the admin's log
and the audit trail keep it.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils import timezone
from phonenumber_field.modelfields import PhoneNumberField

from practice.encryption import EncryptedTextField
from practice.models import Surgeon
from procedures.models import Procedure

from . import search_words
from .choices import (
    AWAITING,
    ENTERED_BY_STAFF,
    OPEN,
    BestTime,
    CloseReason,
    ContactMethod,
    Origin,
    Status,
)
from .one_line import one_line
from .references import new_reference
from .request_queries import RequestQuerySet


class ConsultationRequest(models.Model):
    """One patient asking for one consultation. Only `intake` creates, only `triage` moves it."""

    reference = models.CharField(max_length=11, unique=True, default=new_reference, editable=False)
    # One for each form that was handed out; a second send of the same form meets it.
    submission_token = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    # Keyed digest of everything that was answered: finds Back-and-resend, reveals nothing.
    answers_digest = models.CharField(max_length=64, blank=True, editable=False)
    received_at = models.DateTimeField(default=timezone.now, editable=False)
    is_test = models.BooleanField(default=False, editable=False)

    full_name = models.CharField(max_length=120)
    preferred_name = models.CharField(max_length=80, blank=True)
    # Empty only where staff entered somebody who called or was referred; then there is a number.
    email = models.EmailField(max_length=254, blank=True)
    phone = PhoneNumberField(blank=True)
    is_under_18 = models.BooleanField("under 18", default=False)
    guardian_name = models.CharField("parent or guardian", max_length=120, blank=True)
    guardian_relationship = models.CharField(max_length=60, blank=True)

    procedure = models.ForeignKey(
        Procedure, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    procedure_version = models.PositiveIntegerField("page version read", null=True, blank=True)
    surgeon = models.ForeignKey(Surgeon, models.SET_NULL, null=True, blank=True, related_name="+")
    message = EncryptedTextField("in the patient's words", blank=True)
    origin = models.CharField(
        "came from", max_length=12, choices=Origin.choices, default=Origin.WEBSITE
    )
    referred_by = models.CharField(max_length=120, blank=True, default="", db_default="")

    contact_method = models.CharField(
        max_length=6, choices=ContactMethod.choices, default=ContactMethod.PHONE
    )
    best_time = models.CharField(max_length=10, choices=BestTime.choices, default=BestTime.ANY)
    may_leave_voicemail = models.BooleanField(default=False)
    may_text = models.BooleanField("may be texted", default=False)
    interpreter_language = models.CharField(max_length=60, blank=True)

    status = models.CharField(max_length=12, choices=Status.choices, default=Status.NEW)
    close_reason = models.CharField(max_length=16, choices=CloseReason.choices, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # First-response promise in UTC; empty when the practice has no opening hours.
    respond_by = models.DateTimeField(null=True, blank=True)
    first_response_at = models.DateTimeField(null=True, blank=True)
    # Working minutes from arrival to first response, as the hours were at that time.
    response_minutes = models.PositiveIntegerField(null=True, blank=True, editable=False)
    escalated_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_contact_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    follow_up_on = models.DateField(null=True, blank=True)
    # Since when something from the patient waits to be seen by staff (photographs, a
    # correction); empty once somebody has opened the request.
    patient_acted_at = models.DateTimeField(null=True, blank=True, editable=False)
    duplicate_of = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="duplicates"
    )
    # An earlier request of what seems to be the same person; staff decide whether to merge.
    resembles = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    suspicions = models.JSONField(default=list, blank=True, help_text="Why it was quarantined.")

    # The patient's private page: only a digest of its link is stored. A new link has the
    # next number.
    link_number = models.PositiveSmallIntegerField(default=1, editable=False)
    link_digest = models.CharField(max_length=64, blank=True, db_index=True, editable=False)
    link_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Ciphertext of the link's token, once the key that it was derived from is on its way out.
    sealed_link = models.TextField(blank=True, default="", db_default="", editable=False)
    link_revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    deletion_asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    legal_hold = models.BooleanField(
        default=False, help_text="Kept past its time: a dispute or an official demand."
    )

    objects = RequestQuerySet.as_manager()

    class Meta:
        verbose_name = "request"
        permissions = [
            ("view_every_request", "Can see every request, not only their own"),
            ("triage_request", "Can claim, move and note requests"),
            ("export_request", "Can export requests"),
            ("view_report", "Can see reports"),
            ("erase_request", "Can erase a person's data and hold it back from erasure"),
        ]
        indexes = [
            models.Index(
                fields=["respond_by", "id"],
                name="awaiting_by_promise",
                condition=Q(first_response_at=None, status__in=["new", "attempting"]),
            ),
            models.Index(
                fields=["-received_at"],
                name="open_by_arrival",
                condition=Q(status__in=["new", "attempting", "in_contact", "booked"]),
            ),
            models.Index(fields=["status", "-received_at"], name="status_by_arrival"),
            models.Index(fields=["owner", "status"], name="owner_by_status"),
            models.Index(
                fields=["follow_up_on", "id"],
                name="follow_up_due",
                condition=Q(follow_up_on__isnull=False),
            ),
            models.Index(
                fields=["patient_acted_at"],
                name="patient_acted",
                condition=Q(patient_acted_at__isnull=False),
            ),
            models.Index(fields=["-received_at"], name="by_arrival"),
            # Holds all that the dashboard counts, so that the rows need not be read.
            models.Index(
                fields=[
                    *("received_at", "status", "is_test", "procedure", "origin"),
                    *("first_response_at", "response_minutes"),
                ],
                name="counted_by_arrival",
            ),
            models.Index(Upper("email"), name="by_email"),
            models.Index(fields=["phone"], name="by_phone"),
            models.Index(fields=["answers_digest"], name="by_answers"),
            models.Index(fields=["closed_at"], name="by_closing"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(status="closed") & ~Q(close_reason="")
                    | ~Q(status="closed") & Q(close_reason="")
                ),
                name="closed_has_a_reason",
            ),
        ]

    def __str__(self):
        return self.reference

    def save(self, *args, **kwargs):
        is_new = self._state.adding
        super().save(*args, **kwargs)
        if is_new:
            search_words.store_new([self])
        else:
            search_words.follow(self)

    @property
    def called(self):
        """How to address the patient, in one line whatever is stored: letters begin with it."""
        return one_line(self.preferred_name or self.full_name)

    @property
    def is_entered_by_staff(self):
        return self.origin in ENTERED_BY_STAFF

    @property
    def is_open(self):
        return self.status in OPEN

    @property
    def is_awaiting_first_response(self):
        return self.status in AWAITING and self.first_response_at is None


class Event(models.Model):
    """One line of a request's timeline. Written once; never changed, never deleted alone."""

    class Kind(models.TextChoices):
        RECEIVED = "received", "Received"
        ASSIGNED = "assigned", "Owner"
        MOVED = "moved", "State"
        NOTED = "noted", "Note"
        CONTACTED = "contacted", "Contact"
        FOLLOW_UP = "follow_up", "Follow-up"
        MERGED = "merged", "Merged"
        UNMERGED = "unmerged", "Merge undone"
        CORRECTED = "corrected", "Correction"
        MAILED = "mailed", "Mail"
        PHOTO = "photo", "Photographs"
        PATIENT = "patient", "From the patient"
        LINK = "link", "Patient's link"
        HOLD = "hold", "Legal hold"

    request = models.ForeignKey(ConsultationRequest, models.CASCADE, related_name="events")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # Kept beside the account so that the line still says who when the account is gone.
    by_name = models.CharField(max_length=150, blank=True)
    from_status = models.CharField(max_length=12, choices=Status.choices, blank=True)
    to_status = models.CharField(max_length=12, choices=Status.choices, blank=True)
    summary = models.CharField(max_length=200, blank=True, help_text="Free of health details.")
    note = EncryptedTextField(blank=True)
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["at", "pk"]
        indexes = [models.Index(fields=["request", "at"], name="timeline")]

    def __str__(self):
        return f"{self.get_kind_display()} {self.pk}"

    def save(self, *args, **kwargs):
        if not self._state.adding:
            raise TypeError("An event is written once and never changed.")
        super().save(*args, **kwargs)


class ContactAttempt(models.Model):
    """One try to reach the patient, with its outcome. The first stops the response clock."""

    class Channel(models.TextChoices):
        CALL = "call", "Phone call"
        VOICEMAIL = "voicemail", "Voicemail"
        TEXT = "text", "Text message"
        EMAIL = "email", "Email"

    class Outcome(models.TextChoices):
        REACHED = "reached", "Reached the patient"
        NO_ANSWER = "no_answer", "No answer"
        MESSAGE_LEFT = "message_left", "Left a message"
        WRONG_NUMBER = "wrong_number", "Wrong number or address"
        CALL_BACK = "call_back", "Asked us to call back"

    request = models.ForeignKey(ConsultationRequest, models.CASCADE, related_name="contacts")
    event = models.OneToOneField(Event, models.CASCADE, related_name="contact")
    channel = models.CharField(max_length=10, choices=Channel.choices)
    outcome = models.CharField(max_length=14, choices=Outcome.choices)

    class Meta:
        ordering = ["pk"]

    def __str__(self):
        return f"{self.get_channel_display()}: {self.get_outcome_display()}"


class Consent(models.Model):
    """What the patient agreed to, or did not, in the exact words they were shown or told."""

    class Kind(models.TextChoices):
        HEALTH_DATA = "health_data", "Health information"
        VOICEMAIL = "voicemail", "Voicemail"
        TEXT = "text", "Text messages"

    request = models.ForeignKey(ConsultationRequest, models.CASCADE, related_name="consents")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    version = models.CharField(max_length=20)
    wording = models.TextField()
    is_given = models.BooleanField()
    at = models.DateTimeField(default=timezone.now)
    # Who of the staff heard it; empty where the patient ticked it on a page.
    recorded_by = models.CharField(max_length=150, blank=True, default="", db_default="")

    class Meta:
        ordering = ["pk"]

    def __str__(self):
        return f"{self.get_kind_display()} ({self.version})"


class Photo(models.Model):
    """A patient's photograph: re-encoded, encrypted, outside the public media."""

    request = models.ForeignKey(ConsultationRequest, models.CASCADE, related_name="photos")
    view = models.CharField(max_length=80, blank=True)
    stored_as = models.CharField(max_length=100, unique=True)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    bytes = models.PositiveIntegerField()
    digest = models.CharField(max_length=64, help_text="SHA-256 of the encrypted file.")
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["added_at", "pk"]

    def __str__(self):
        return f"Photograph {self.pk}"


class Presence(models.Model):
    """Who has a request open now; a row is fresh for 15 seconds after `seen_at`."""

    request = models.ForeignKey(ConsultationRequest, models.CASCADE, related_name="presences")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "user"], name="present_once"),
        ]

    def __str__(self):
        return f"Presence {self.pk}"


class ReplyTemplate(models.Model):
    """A letter that staff send often, with placeholders. It never holds health details."""

    name = models.CharField(max_length=80, unique=True)
    subject = models.CharField(max_length=150)
    body = models.TextField(
        help_text="Placeholders: {name}, {reference}, {phone}, {practice}, {reply_by}."
    )
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "name"]

    def __str__(self):
        return self.name


class SubmissionCount(models.Model):
    """How many forms came from one (digested) address in one time window: exact limits."""

    bucket = models.CharField(max_length=64)
    window = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bucket", "window"], name="one_count_a_window")
        ]
        indexes = [models.Index(fields=["window"], name="counts_by_window")]

    def __str__(self):
        return f"Submission count {self.pk}"


class ErasureReceipt(models.Model):
    """Proof that a person's data was erased: what and when, not who."""

    reference_digest = models.CharField(max_length=64)
    erased_at = models.DateTimeField(default=timezone.now)
    reason = models.CharField(max_length=60)
    counts = models.JSONField(default=dict)
    by_name = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["-erased_at"]

    def __str__(self):
        return f"Erasure {self.pk}"


class KeptFigures(models.Model):
    """The figures of the dashboard as the worker last counted them. One row, number 1."""

    made_at = models.DateTimeField()
    values = models.JSONField()

    def __str__(self):
        return f"Figures of {self.made_at:%Y-%m-%d %H:%M}"

"""What the audit trail keeps of requests: that something changed, never what it said.

Only the fields named here are ever looked at, so a field added later stays out until
somebody decides otherwise. Those that identify a person are replaced as a whole: the
library's own masking leaves the second half readable. What the patient or staff wrote is
not among them at all. `triage` changes rows by conditional updates, which send no signal:
those are in the timeline, whose rows are written once.
"""

from auditlog.models import LogEntry
from auditlog.registry import auditlog
from auditlog.signals import pre_log
from django.contrib.contenttypes.models import ContentType

from .models import (
    Consent,
    ConsultationRequest,
    ContactAttempt,
    ErasureReceipt,
    Event,
    Photo,
    ReplyTemplate,
)

PERSONAL = [
    "full_name",
    "preferred_name",
    "email",
    "phone",
    "guardian_name",
    "guardian_relationship",
    "interpreter_language",
]
OPERATIONAL = [
    "reference",
    "status",
    "close_reason",
    "owner",
    "respond_by",
    "first_response_at",
    "last_contact_at",
    "closed_at",
    "follow_up_on",
    "duplicate_of",
    "may_leave_voicemail",
    "may_text",
    "legal_hold",
    "deletion_asked_at",
    "link_expires_at",
    "link_revoked_at",
    "is_test",
]
# Created and deleted by acts that the timeline, or an erasure's receipt, already tells.
TOLD_BY_THE_TIMELINE = (ConsultationRequest, Event, ContactAttempt, Consent, Photo)


def redacted(value):
    return "(redacted)" if value not in ("", "None") else ""


def register():
    auditlog.register(
        ConsultationRequest,
        include_fields=OPERATIONAL + PERSONAL,
        mask_fields=list(PERSONAL),
        mask_callable="consultations.audit.redacted",
    )
    auditlog.register(Event, include_fields=["request", "kind", "at"])
    auditlog.register(ContactAttempt, include_fields=["request", "channel", "outcome"])
    auditlog.register(Consent, include_fields=["request", "kind", "version", "is_given"])
    auditlog.register(Photo, include_fields=["request", "added_at"])
    auditlog.register(ReplyTemplate)
    auditlog.register(ErasureReceipt)
    for model in TOLD_BY_THE_TIMELINE:
        pre_log.connect(_not_told_yet, sender=model, dispatch_uid=f"told {model.__name__}")


def entered(request, by):
    """Staff made this request; a patient's own send has no actor and is not among the lines."""
    LogEntry.objects.create(
        content_type=ContentType.objects.get_for_model(ConsultationRequest),
        object_pk=str(request.pk),
        object_id=request.pk,
        object_repr=str(request),
        action=LogEntry.Action.CREATE,
        changes={"origin": ["None", request.origin]},
        actor=by,
        actor_email=by.email,
    )


def _not_told_yet(sender, action, **kwargs):
    return action not in (LogEntry.Action.CREATE, LogEntry.Action.DELETE)

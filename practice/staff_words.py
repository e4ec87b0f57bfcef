"""What staff call the things that libraries, and we among ourselves, call otherwise.

One word for each thing, said once: lists, forms, filters, the audit log and the overview all
read it off the models. Only what is shown is changed, so no migration comes of it.
"""

from copy import copy

from allauth.mfa.models import Authenticator
from auditlog.models import LogEntry
from django.apps import apps
from django.contrib.admin import ChoicesFieldListFilter
from post_office.models import STATUS

# Model: (one, many, {field: words}).
NAMES = {
    "admin.LogEntry": ("change", "changes", {}),
    "auditlog.LogEntry": (
        "entry of the audit log",
        "audit log",
        {"timestamp": "when", "remote_addr": "network address", "action": "what happened"},
    ),
    "auth.Group": ("role", "roles", {"permissions": "what it allows"}),
    "mfa.Authenticator": (
        "second factor",
        "second factors",
        {"user": "whose", "type": "kind", "created_at": "set up", "last_used_at": "last used"},
    ),
    "post_office.Email": (
        "email",
        "mail queue",
        {
            "from_email": "from",
            "subject": "subject",
            "status": "state",
            "created": "queued",
            "last_updated": "last change",
        },
    ),
    "post_office.Log": (
        "attempt",
        "attempts",
        {"exception_type": "kind of error", "message": "what the mail server said"},
    ),
    "consultations.ConsultationRequest": ("request", "inbox", {}),
    "consultations.ErasureReceipt": (
        "erasure receipt",
        "erasure receipts",
        {
            "reference_digest": "fingerprint of the reference",
            "erased_at": "erased",
            "counts": "what was erased",
            "by_name": "by",
        },
    ),
    "practice.Location": (
        "location",
        "locations",
        {"slug": "web address", "review_due": "next review"},
    ),
    "practice.Surgeon": (
        "surgeon",
        "surgeons",
        {"slug": "web address", "review_due": "next review"},
    ),
    "practice.User": (
        "staff account",
        "staff accounts",
        {
            "username": "user name",
            "first_name": "given name",
            "last_name": "family name",
            "email": "email",
            "is_active": "can sign in",
            "is_staff": "member of staff",
            "is_superuser": "may do everything",
            "groups": "roles",
            "last_login": "last sign-in",
            "date_joined": "account made",
        },
    ),
    "procedures.Category": ("category", "categories", {"slug": "web address"}),
    "procedures.Procedure": (
        "procedure",
        "procedures",
        {"slug": "web address", "review_due": "next review", "content_changed_at": "last change"},
    ),
}
# Model and field: the words for its choices.
CHOICES = {
    ("auditlog.LogEntry", "action"): {
        LogEntry.Action.CREATE: "Added",
        LogEntry.Action.UPDATE: "Changed",
        LogEntry.Action.DELETE: "Deleted",
        LogEntry.Action.ACCESS: "Looked at",
    },
    ("mfa.Authenticator", "type"): {
        Authenticator.Type.TOTP: "Authenticator app",
        Authenticator.Type.WEBAUTHN: "Passkey",
        Authenticator.Type.RECOVERY_CODES: "Recovery codes",
    },
    ("post_office.Email", "status"): {
        STATUS.failed: "Failed",
        STATUS.queued: "Waiting",
        STATUS.requeued: "Waiting to be tried again",
        STATUS.sent: "Sent",
    },
    ("post_office.Log", "status"): {STATUS.failed: "Failed", STATUS.sent: "Sent"},
}


class ChoicesInOurWords(ChoicesFieldListFilter):
    """A filter of a list over a field of CHOICES."""

    def __init__(self, field, *args, **kwargs):
        field = copy(field)
        field.choices = list(CHOICES[field.model._meta.label, field.name].items())
        super().__init__(field, *args, **kwargs)


def use():
    """Gives the models their names; called once, when all models are known."""
    for label, (one, many, fields) in NAMES.items():
        options = apps.get_model(label)._meta
        options.verbose_name, options.verbose_name_plural = one, many
        for name, words in fields.items():
            options.get_field(name).verbose_name = words
    LogEntry.__str__ = _entry
    for (label, name), words in CHOICES.items():
        setattr(apps.get_model(label), f"get_{name}_display", _shown(name, words))


def _entry(entry):
    return f"{entry.get_action_display()}: {entry.object_repr}"


def _shown(name, words):
    def shown(row):
        value = getattr(row, name)
        return words.get(value, "" if value is None else str(value))

    return shown

"""The mails this site sends, one function each. None holds a word of health information."""

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from post_office import mail

from . import private_link
from .choices import Status
from .models import Event
from .timeline import SYSTEM, record

MAILS = "consultations/mail/"
# Marks the mail that confirms an erasure, so that it can be forgotten once it was sent.
ERASURE_HEADER = "X-Data-Erased"


def tell_received(request, practice):
    """Queues the patient's and the staff's mail in the caller's transaction, once only."""
    if Event.objects.filter(request=request, kind=Event.Kind.MAILED).exists():
        return
    mails = [_tell_patient_received(request, practice)]
    # A site that nobody has filled in yet has no mailbox; its inbox has the request anyway.
    if practice.staff_mailbox:
        mails.append(_tell_staff_received(request, practice))
    record(
        request,
        Event.Kind.MAILED,
        SYSTEM,
        "Confirmation to the patient and notice to staff",
        details={"emails": [each.pk for each in mails]},
    )


def tell_patient_again(request, practice):
    """Sends the confirmation to a corrected address."""
    email = _tell_patient_received(request, practice)
    record(
        request,
        Event.Kind.MAILED,
        SYSTEM,
        "Confirmation to the corrected address",
        details={"emails": [email.pk]},
    )


def tell_patient_new_link(request, practice):
    """Sends the patient the link that works from now on."""
    return _queue(
        "patient_new_link",
        request.email,
        practice,
        request=request,
        private_link=private_link.placeholder(request),
    )


def tell_patient_erased(request, practice):
    """The confirmation that the private page promises; the request itself is gone by now."""
    return _queue(
        "patient_erased",
        request.email,
        practice,
        headers={ERASURE_HEADER: "yes"},
        called=request.called,
        reference=request.reference,
    )


def tell_staff_deletion_asked(request, practice):
    if not practice.staff_mailbox:
        return
    _queue(
        "staff_deletion_asked",
        practice.staff_mailbox,
        practice,
        reference=request.reference,
        link=_admin_address(request),
    )


def tell_manager_late(late, number, address, practice):
    """`late` are the requests to name, `number` how many there are in all."""
    named = [{"reference": request.reference, "link": _admin_address(request)} for request in late]
    _queue("manager_late", address, practice, named=named, number=number)


def send_letter(request, subject, body, practice):
    """Queues a letter that staff wrote or filled in; its text was checked by `replies`."""
    return _queue("letter", request.email, practice, subject=subject, body=body)


def send_weekly_report(figures, address, practice):
    _queue("weekly_report", address, practice, **figures)


def _tell_patient_received(request, practice):
    return _queue(
        "patient_received",
        request.email,
        practice,
        request=request,
        respond_by=request.respond_by,
        private_link=private_link.placeholder(request),
    )


def _tell_staff_received(request, practice):
    """A pointer to the new request: its reference and a link, nothing else."""
    return _queue(
        "staff_received",
        practice.staff_mailbox,
        practice,
        reference=request.reference,
        is_quarantined=request.status == Status.QUARANTINED,
        link=_admin_address(request),
    )


def _admin_address(request):
    path = reverse("admin:consultations_consultationrequest_change", args=[request.pk])
    return f"{settings.SITE_URL}{path}"


def _queue(name, recipient, practice, headers=None, **context):
    context |= {"practice": practice, "site_url": settings.SITE_URL, "zone": practice.zone}
    subject = render_to_string(f"{MAILS}{name}_subject.txt", context)
    return mail.send(
        recipients=[recipient],
        sender=settings.DEFAULT_FROM_EMAIL,
        # The queue renders what it is given as a template once more. What a patient typed
        # must be a value there, never a part of the template; values are not stored.
        subject="{{ subject|safe }}",
        message="{{ text|safe }}",
        html_message="{{ html|safe }}",
        context={
            "subject": " ".join(subject.split()),
            "text": render_to_string(f"{MAILS}{name}.txt", context),
            "html": render_to_string(f"{MAILS}{name}.html", context),
        },
        headers={"Auto-Submitted": "auto-generated", **(headers or {})},
        priority="medium",
    )

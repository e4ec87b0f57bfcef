"""The mails this site sends, one function each. None holds a word of health information."""

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from post_office import mail

MAILS = "consultations/mail/"


def tell_patient_received(request, practice):
    """Queues the acknowledgement in the caller's transaction."""
    _queue(
        "patient_received",
        request.email,
        practice,
        request=request,
        respond_by=request.respond_by,
    )


def tell_staff_received(request, practice):
    """Queues a pointer to the new request: its reference and a link, nothing else."""
    path = reverse("admin:consultations_consultationrequest_change", args=[request.pk])
    _queue(
        "staff_received",
        practice.staff_mailbox,
        practice,
        reference=request.reference,
        link=f"{settings.SITE_URL}{path}",
    )


def _queue(name, recipient, practice, **context):
    context |= {"practice": practice, "site_url": settings.SITE_URL, "zone": practice.zone}
    subject = render_to_string(f"{MAILS}{name}_subject.txt", context)
    return mail.send(
        recipients=[recipient],
        sender=settings.DEFAULT_FROM_EMAIL,
        subject=" ".join(subject.split()),
        message=render_to_string(f"{MAILS}{name}.txt", context),
        html_message=render_to_string(f"{MAILS}{name}.html", context),
        headers={"Auto-Submitted": "auto-generated"},
        context=None,
        priority="medium",
    )

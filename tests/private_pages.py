"""A patient's private page, as tests go about it."""

from consultations.models import ConsultationRequest
from consultations.patient_page import private_link


def page_of(request):
    return private_link.path(request)


def stored(request):
    return ConsultationRequest.objects.get(pk=request.pk)


def done_by_the_patient(request):
    return [
        (event.kind, event.by_name, event.summary)
        for event in request.events.exclude(kind="received")
    ]


def contact_form(request, **typed):
    """Sent from a page that showed what `request` holds, however old that is."""
    shown = {name: str(getattr(request, name)) for name in ("phone", "email")}
    sent = {f"initial-contact-{name}": value for name, value in shown.items()}
    return sent | {f"contact-{name}": value for name, value in (shown | typed).items()}


def correct(client, request, **typed):
    return client.post(f"{page_of(request)}contact/", contact_form(request, **typed))

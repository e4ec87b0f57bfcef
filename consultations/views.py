"""The patient's way in: the form and its confirmation."""

import uuid

from django.core import signing
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from practice.models import Surgeon
from procedures.models import Procedure

from . import intake
from .forms import ConsultationForm
from .models import ConsultationRequest, Origin

FORM_SALT = "consultations.form"
RECEIPT = signing.Signer(salt="consultations.received")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def consultation(request):
    if request.method != "POST":
        return _page(request, ConsultationForm(initial=_came_from(request) | _ticket(request)))
    form = ConsultationForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    ticket = _read_ticket(form.cleaned_data["token"])
    stored, _ = intake.submit(
        form.answers(),
        token=ticket["token"],
        origin=ticket["origin"],
        procedure_version=_version_read(ticket, form.cleaned_data["procedure"]),
        consents=form.consents(),
    )
    return redirect("consultation_received", receipt=RECEIPT.sign(stored.reference))


@never_cache
@require_safe
def received(request, receipt):
    try:
        reference = RECEIPT.unsign(receipt)
    except signing.BadSignature:
        raise Http404 from None
    stored = get_object_or_404(ConsultationRequest, reference=reference)
    return render(request, "consultations/received.html", {"stored": stored})


def give_form_back(request):
    """The form as it was sent, ready to send again: its CSRF token had expired."""
    form = ConsultationForm(request.POST)
    form.is_valid()
    response = _page(request, form, was_expired=True)
    response.status_code = 403
    return response


def _page(request, form, **context):
    return render(request, "consultations/consultation.html", {"form": form, **context})


def _came_from(request):
    """Initial answers named by the page the patient came from; unknown names are ignored."""
    procedure = Procedure.objects.published().filter(slug=request.GET.get("procedure", ""))
    surgeon = Surgeon.objects.published().filter(slug=request.GET.get("surgeon", ""))
    return {"procedure": procedure.first(), "surgeon": surgeon.first()}


def _ticket(request):
    """The hidden field: a token for one send, and which page version led here, signed."""
    came_from = _came_from(request)
    procedure = came_from["procedure"]
    origin = Origin.WEBSITE
    if came_from["surgeon"]:
        origin = Origin.SURGEON
    if procedure:
        origin = Origin.PROCEDURE
    ticket = {"token": uuid.uuid4().hex, "origin": origin}
    if procedure:
        ticket |= {"procedure": procedure.pk, "version": procedure.content_version}
    return {"token": signing.dumps(ticket, salt=FORM_SALT)}


def _read_ticket(text):
    """The signed ticket; one of its own for a form whose ticket was lost or altered."""
    try:
        return signing.loads(text, salt=FORM_SALT)
    except signing.BadSignature:
        return {"token": uuid.uuid4().hex, "origin": Origin.WEBSITE}


def _version_read(ticket, procedure):
    if procedure and procedure.pk == ticket.get("procedure"):
        return ticket["version"]
    return None

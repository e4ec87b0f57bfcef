"""The patient's way in: the form and its confirmation."""

import logging
import time
import uuid

from django.conf import settings
from django.core import signing
from django.db import Error as AnyDatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from practice.caching.blanks import Blanks, blank
from practice.templatetags.text import when

from . import clock, form_facts, intake, spam, synthetic
from .choices import Origin
from .email_addresses import likely_meant
from .forms import ConsultationForm
from .models import ConsultationRequest
from .patient_page import private_link

logger = logging.getLogger(__name__)
FORM_SALT = "consultations.form"
TEMPLATE = "consultations/consultation.html"
RECEIVED = "consultations/received.html"
RECEIPT = signing.Signer(salt="consultations.received")
# What the confirmation needs, written out: the ORM takes twice as long. The message is not
# shown back.
SHOWN_BACK = """
    SELECT id, reference, email, respond_by,
        link_number, link_digest, link_expires_at, link_revoked_at, sealed_link
    FROM consultations_consultationrequest WHERE reference = %s
"""


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def consultation(request):
    try:
        if request.method == "POST":
            return _receive(request)
        return _fresh_page(request, form_facts.current())
    except AnyDatabaseError as error:
        return _not_received(request, error)


@never_cache
@require_safe
def received(request, receipt):
    """The confirmation. The receipt is signed: it is true even while the database is gone."""
    try:
        reference = RECEIPT.unsign(receipt)
    except signing.BadSignature:
        raise Http404 from None
    try:
        facts = form_facts.current()
        stored = next(iter(ConsultationRequest.objects.raw(SHOWN_BACK, [reference])), None)
    except AnyDatabaseError:
        return render(request, RECEIVED, {"reference": reference}, status=503)
    if stored is None:
        raise Http404
    answer_by = clock.still_to_keep(stored)
    shown = {
        "reference": reference,
        "answer_by": answer_by and when(answer_by, facts.practice.zone),
        "private_page": private_link.path(stored),
        "email": stored.email,
        "meant_email": likely_meant(stored.email),
        "canonical": f"{settings.SITE_URL}{request.path}",
    }
    # Made from a request that is nobody's: others get it too, filled in with their own.
    frame = {"practice": facts.practice, "main_location": facts.main_location, "is_known": True}
    return HttpResponse(facts.filled(RECEIVED, shown, frame, HttpRequest()))


def give_form_back(request):
    """The form as it was sent, ready to send again: its CSRF token had expired."""
    try:
        form = ConsultationForm(request.POST, facts=form_facts.current())
        return _page(request, form, status=403, was_expired=True)
    except AnyDatabaseError as error:
        return _not_received(request, error)


def _receive(request):
    facts = form_facts.current()
    form = ConsultationForm.as_sent(request.POST, facts)
    if not form.is_valid():
        return _page(request, ConsultationForm(request.POST, facts=facts))
    ticket = _read_ticket(form.cleaned_data["token"])
    opened_at = ticket.get("opened_at")
    is_test = synthetic.is_ours(request, form.cleaned_data["message"])
    stored, _ = intake.submit(
        form.answers(),
        token=ticket["token"],
        origin=ticket["origin"],
        sending=spam.Sending(
            # The limits count people; an address that nobody has is not counted.
            address="" if is_test else request.META.get("REMOTE_ADDR", ""),
            honeypot=form.cleaned_data["website"],
            seconds_open=time.time() - opened_at if opened_at else None,
        ),
        procedure_version=_version_read(ticket, form.cleaned_data["procedure"]),
        consents=form.consents(),
        facts=facts,
        is_test=is_test,
    )
    return redirect("consultation_received", receipt=RECEIPT.sign(stored.reference))


def _fresh_page(request, facts):
    """The form before anything is typed: kept as HTML, but for its ticket and CSRF token."""
    came_from = _came_from(request, facts)
    preselected = tuple(page and page.pk for page in came_from.values())
    page = facts.once((TEMPLATE, preselected), lambda: _with_blanks(facts, came_from))
    mine = {"ticket": _ticket(came_from), "csrf_token": get_token(request)}
    return HttpResponse(page.filled(mine))


def _with_blanks(facts, came_from):
    """The fresh page; made from a request that is nobody's, since others get it too."""
    form = ConsultationForm(initial=came_from | {"token": blank("ticket")}, facts=facts)
    frame = {"practice": facts.practice, "main_location": facts.main_location, "form": form}
    frame["canonical"] = settings.SITE_URL + reverse("consultation")
    return Blanks(TEMPLATE, ["ticket", "csrf_token"], frame, HttpRequest())


def _page(request, form, status=200, **context):
    context |= {"form": form}
    return render(request, TEMPLATE, context, status=status)


def _not_received(request, error):
    """An honest page that keeps everything typed, for as long as the database is gone."""
    logger.error("The database failed while the form was shown or received.", exc_info=error)
    form = ConsultationForm(initial=request.POST.dict())
    return _page(request, form, status=503, was_not_received=request.method == "POST", is_down=True)


def _came_from(request, facts):
    """Initial answers named by the page the patient came from; unknown names are ignored."""
    return {
        name: next((page for page in pages if page.slug == request.GET.get(name)), None)
        for name, pages in (("procedure", facts.procedures), ("surgeon", facts.surgeons))
    }


def _ticket(came_from):
    """The hidden field: a token for one send, when it was opened, what led here; signed."""
    procedure = came_from["procedure"]
    origin = Origin.WEBSITE
    if came_from["surgeon"]:
        origin = Origin.SURGEON
    if procedure:
        origin = Origin.PROCEDURE
    ticket = {"token": uuid.uuid4().hex, "origin": origin, "opened_at": time.time()}
    if procedure:
        ticket |= {"procedure": procedure.pk, "version": procedure.content_version}
    return signing.dumps(ticket, salt=FORM_SALT)


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

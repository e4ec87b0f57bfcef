"""The patient's private page, behind an unguessable link. It never shows health text."""

import logging
from functools import wraps

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import Error as AnyDatabaseError
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_POST, require_safe

from practice.models import Practice
from practice.templatetags.text import phone

from .. import photos
from ..forms import ConsentsForm, ContactForm, PhotoForm
from ..models import ConsultationRequest
from ..privacy import Held
from ..timeline import PATIENT
from ..triage import TriageError
from . import consent_changes, patient_acts, private_link

logger = logging.getLogger(__name__)
NOT_STORED = (
    "We could not store your photographs just now, so none of them has arrived. Your request "
    "itself is safe. Please choose them again in a few minutes."
)
TOO_OFTEN = (
    f"You have corrected this {patient_acts.CORRECTIONS_A_DAY} times within a day. To change it "
    "once more, please call {}, or come back tomorrow."
)
KEPT_BY_LAW = (
    "We have noted your wish. The law makes us keep your photographs for now; we delete them as "
    "soon as we may. Call us if you have questions."
)


def behind_the_link(view):
    """Hands the view the request that the token opens; else a page that says what to do."""

    @wraps(view)
    def wrapped(http_request, token):
        try:
            stored = private_link.find(token)
            response = view(http_request, stored, token) if stored else _unknown(http_request)
        except ConsultationRequest.DoesNotExist:  # Erased since it was found.
            response = _unknown(http_request)
        except AnyDatabaseError:
            logger.exception("The database failed while a private page was shown or used.")
            response = _down(http_request)
        add_never_cache_headers(response)
        response["X-Robots-Tag"] = "noindex, nofollow"
        # Not “no-referrer”: a browser would then send `Origin: null`, which CSRF protection
        # has to refuse, and no form on the page would work.
        response["Referrer-Policy"] = "same-origin"
        return response

    return wrapped


@require_safe
@behind_the_link
def private_page(http_request, stored, token):
    return _page(http_request, stored, token)


@require_POST
@behind_the_link
def correct_contact(http_request, stored, token):
    form = ContactForm(http_request.POST, prefix="contact")
    if not form.is_valid():
        return _page(http_request, stored, token, status=422, contact_form=form)
    try:
        changed = patient_acts.correct_contact(stored, form.seen(), form.wishes(stored))
    except patient_acts.TooOften:
        form.add_error(None, TOO_OFTEN.format(phone(Practice.current().phone)))
        return _page(http_request, stored, token, status=429, contact_form=form)
    except TriageError:
        stored.refresh_from_db(fields=list(form.fields))
        form.say_what_changed(stored)
        return _page(http_request, stored, token, status=409, contact_form=form)
    if changed:
        messages.success(http_request, "Thank you. We will use the corrected details.")
    return redirect("private_page", token=token)


@require_POST
@behind_the_link
def add_photos(http_request, stored, token):
    form = PhotoForm(http_request.POST, http_request.FILES, request=stored, prefix="photos")
    if form.is_valid():
        try:
            photos.add(stored, form.pictures(), by=PATIENT)
        except ValidationError as error:
            form.add_error(None, error)
        except OSError:  # The disk is full, or the object storage cannot be reached.
            form.add_error(None, NOT_STORED)
            return _page(http_request, stored, token, status=503, photo_form=form)
        else:
            held = stored.photos.count()
            words = f"Thank you. We have {held} photograph{'s'[: held != 1]}."
            messages.success(http_request, words)
            return redirect("private_page", token=token)
    return _page(http_request, stored, token, status=422, photo_form=form)


@require_POST
@behind_the_link
def change_consents(http_request, stored, token):
    form = ConsentsForm(http_request.POST, prefix="consents")
    form.is_valid()  # Two ticks or none: there is nothing to get wrong.
    try:
        changed = consent_changes.change(stored, form.seen(), form.wishes(stored), by=PATIENT)
    except TriageError:
        stored.refresh_from_db(fields=list(form.fields))
        form.say_what_changed(stored)
        return _page(http_request, stored, token, status=409, consents_form=form)
    if changed:
        messages.success(http_request, "Thank you. We keep to that from now on.")
    return redirect("private_page", token=token)


@require_POST
@behind_the_link
def take_back_photos(http_request, stored, token):
    try:
        count = consent_changes.take_back_photographs(stored)
    except Held:
        messages.info(http_request, KEPT_BY_LAW)
    else:
        if count:
            messages.success(http_request, "Your photographs are deleted.")
    return redirect("private_page", token=token)


@require_POST
@behind_the_link
def withdraw(http_request, stored, token):
    try:
        patient_acts.withdraw(stored)
    except TriageError:
        status = patient_acts.Standing.of(stored).worked_on.status
        why = patient_acts.NOT_WITHDRAWN.get(status, "Please call us to withdraw this.")
        messages.info(http_request, why)
    else:
        messages.success(http_request, "Your request is withdrawn. We will not contact you.")
    return redirect("private_page", token=token)


@require_POST
@behind_the_link
def ask_for_deletion(http_request, stored, token):
    patient_acts.ask_for_deletion(stored)
    messages.success(http_request, "We have your wish.")
    return redirect("private_page", token=token)


def _page(http_request, stored, token, status=200, **bound):
    """`bound` is the form that was refused, with what was typed and what is wrong with it."""
    context = {
        "stored": stored,
        "token": token,
        "standing": patient_acts.Standing.of(stored),
        "photos": stored.photos.all(),
        "contact_form": ContactForm(prefix="contact", initial=vars(stored)),
        "consents_form": ConsentsForm(prefix="consents", initial=vars(stored)),
        "photo_form": PhotoForm(request=stored, prefix="photos"),
    } | bound
    return render(http_request, "consultations/private_page.html", context, status=status)


def _unknown(http_request):
    return render(http_request, "consultations/link_unknown.html", status=404)


def _down(http_request):
    """What was typed comes along in the page and can be sent again from there; files cannot."""
    typed = [
        (name, value)
        for name, values in http_request.POST.lists()
        for value in values
        if name != "csrfmiddlewaretoken"
    ]
    context = {"typed": typed, "has_files": bool(http_request.FILES)}
    return render(http_request, "consultations/private_down.html", context, status=503)

"""The patient's private page, behind an unguessable link. It never shows health text."""

import logging
from functools import wraps

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import Error as AnyDatabaseError
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_POST, require_safe

from . import consent_changes, patient_acts, photos, private_link
from .choices import AWAITING, Status
from .forms import ConsentsForm, ContactForm, PhotoForm
from .privacy import Held
from .timeline import PATIENT
from .triage import NEXT, TriageError

logger = logging.getLogger(__name__)
NOT_STORED = (
    "We could not store your photographs just now, so none of them has arrived. Your request "
    "itself is safe. Please choose them again in a few minutes."
)
KEPT_BY_LAW = (
    "We have noted your wish. The law makes us keep your photographs for now; we delete them as "
    "soon as we may. Call us if you have questions."
)
# A suspect may be a person: their page says the same as everybody's.
UNANSWERED = (*AWAITING, Status.QUARANTINED, Status.SPAM)


def behind_the_link(view):
    """Hands the view the request that the token opens; else a page that says what to do."""

    @wraps(view)
    def wrapped(http_request, token):
        try:
            stored = private_link.find(token)
            if stored is None:
                response = render(http_request, "consultations/link_unknown.html", status=404)
            else:
                response = view(http_request, stored, token)
        except AnyDatabaseError:
            logger.exception("The database failed while a private page was shown or used.")
            response = render(http_request, "consultations/private_down.html", status=503)
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
    form = ContactForm(http_request.POST, instance=stored, prefix="contact")
    if not form.is_valid():
        stored.refresh_from_db()
        return _page(http_request, stored, token, status=422, contact_form=form)
    fields = form.cleaned_data
    stored.refresh_from_db()
    if patient_acts.correct_contact(stored, phone=fields["phone"], email=fields["email"]):
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
    seen = {field: getattr(stored, field) for field in form.fields}
    try:
        changed = consent_changes.change(stored, seen, form.cleaned_data, by=PATIENT)
    except TriageError:
        messages.info(http_request, "This was changed meanwhile. Look again at what is ticked.")
    else:
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
        messages.info(http_request, "This request is closed already. There is nothing to do.")
    else:
        messages.success(http_request, "Your request is withdrawn. We will not contact you.")
    return redirect("private_page", token=token)


@require_POST
@behind_the_link
def ask_for_deletion(http_request, stored, token):
    patient_acts.ask_for_deletion(stored)
    messages.success(http_request, "We have your wish.")
    return redirect("private_page", token=token)


def _page(http_request, stored, token, status=200, contact_form=None, photo_form=None):
    context = {
        "stored": stored,
        "token": token,
        "state": patient_acts.in_words(stored),
        "answer_by": stored.respond_by if _is_unanswered(stored) else None,
        "is_open": patient_acts.is_open(stored),
        "may_withdraw": Status.CLOSED in NEXT[stored.status] and not stored.deletion_asked_at,
        "photos": stored.photos.all(),
        "contact_form": contact_form or ContactForm(instance=stored, prefix="contact"),
        "consents_form": ConsentsForm(prefix="consents", initial=vars(stored)),
        "photo_form": photo_form or PhotoForm(request=stored, prefix="photos"),
    }
    return render(http_request, "consultations/private_page.html", context, status=status)


def _is_unanswered(stored):
    is_open = stored.status in UNANSWERED and patient_acts.is_open(stored)
    return is_open and stored.first_response_at is None

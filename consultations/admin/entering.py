"""Entering somebody who called, or whom a colleague referred: nobody is forgotten."""

from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html

from practice.models import Surgeon

from .. import form_facts, intake
from ..models import ConsultationRequest
from ..staff_work.entry_form import EntryForm

CHANGE = "admin:consultations_consultationrequest_change"
INBOX = "admin:consultations_consultationrequest_changelist"
LOOKS_LIKE = (
    'Looks like <a href="{}">{}</a>: the same email or phone. If it is the same person, merge the '
    "two below."
)


def entry_view(admin, request):
    facts = form_facts.current()
    if request.method == "POST":
        form = EntryForm(request.POST, facts=facts)
        if form.is_valid():
            return _enter(admin, request, form)
    else:
        own = Surgeon.objects.filter(user=request.user).values_list("pk", flat=True).first()
        form = EntryForm(facts=facts, initial={"surgeon": own})
    status = 400 if form.is_bound else 200
    return admin.framed(request, "Enter a phone request", "enter.html", status=status, form=form)


def _enter(admin, request, form):
    stored, is_new = intake.enter(
        form.answers(),
        form.arrival(),
        by=request.user,
        token=form.cleaned_data["token"],
        consents=form.consents(),
    )
    if not is_new:
        words = f"This was saved already, as {stored.reference}. Nothing was saved twice."
        admin.message_user(request, words, messages.WARNING)
    else:
        admin.message_user(request, f"Saved as {stored.reference}.", messages.SUCCESS)
        _say_who_it_looks_like(admin, request, stored.resembles)
    if admin.get_queryset(request).filter(pk=stored.pk).exists():
        return redirect(CHANGE, stored.pk)
    # A surgeon passed it on: it names another, or nobody.
    admin.message_user(request, "The coordinators have it in their inbox.", messages.INFO)
    return redirect(INBOX)


def _say_who_it_looks_like(admin, request, other: ConsultationRequest | None):
    """Only of a request that this person may see."""
    if other and admin.get_queryset(request).filter(pk=other.pk).exists():
        words = format_html(LOOKS_LIKE, reverse(CHANGE, args=[other.pk]), other.reference)
        admin.message_user(request, words, messages.WARNING)

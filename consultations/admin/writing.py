"""Letters to the patient: from a template, looked through, previewed, sent, sent again."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect
from post_office.models import STATUS, Email

from .. import triage
from ..models import Event, ReplyTemplate
from ..staff_work import replies
from ..staff_work.record_forms import LetterForm
from ..timeline import record
from . import acts, mail, stale

CHANGE = "admin:consultations_consultationrequest_change"
EMPTY = "Letter"


def letter_view(admin, request, row):
    """Write, look at it as the patient will, send: three steps at one address."""
    if not row.is_open:
        words = "Reopen this request before writing: a letter counts as a contact."
        admin.message_user(request, words, messages.WARNING)
        return redirect(CHANGE, row.pk)
    if not row.email:
        admin.message_user(request, replies.NO_ADDRESS, messages.WARNING)
        return redirect(CHANGE, row.pk)
    if request.method != "POST":
        return _write(admin, request, row, LetterForm(row=row, initial=_filled(request, row)))
    form = LetterForm(request.POST, row=row)
    if not form.is_valid():
        return _write(admin, request, row, form, status=400)
    step = request.POST.get("step")
    if step == "change":
        return _write(admin, request, row, LetterForm(row=row, initial=form.cleaned_data))
    if step == "send":
        return _send(admin, request, row, form)
    return _preview(admin, request, row, form)


def send_again_view(admin, request, row):
    """Puts the mails of one line of the timeline back into the queue."""
    number = request.POST.get("event", "")
    events = Event.objects.filter(request=row)
    event = events.filter(pk=int(number)).first() if acts.is_number(number) else None
    unsent = Email.objects.filter(
        pk__in=event.details.get("emails", ()) if event else (), status__in=mail.UNSENT
    )
    if not mail.send_again(unsent):
        admin.message_user(request, "There is nothing to send again.", messages.WARNING)
        return redirect(CHANGE, row.pk)
    record(row, Event.Kind.MAILED, request.user, "Put back into the mail queue")
    admin.message_user(request, "It will be tried again now.", messages.SUCCESS)
    return redirect(CHANGE, row.pk)


def with_delivery(events):
    """The events, each with `delivery` in words, and whether its mail waits in vain."""
    states = replies.delivery(events)
    for event in events:
        event.delivery = states.get(event.pk, "")
        event.is_undelivered = event.delivery in (
            replies.DELIVERY[STATUS.failed],
            replies.DELIVERY[STATUS.requeued],
        )
    return events


def _filled(request, row):
    number = request.GET.get("template", "")
    template = (
        ReplyTemplate.objects.filter(pk=int(number)).first() if acts.is_number(number) else None
    )
    if template is None:
        return {"name": EMPTY, "body": replies.fill("Hello {name},\n\n", row)}
    return {
        "name": template.name,
        "subject": replies.fill(template.subject, row),
        "body": replies.fill(template.body, row),
    }


def _write(admin, request, row, form, status=200, **context):
    return admin.framed(
        request,
        f"Write to {row.called}",
        "letter.html",
        status=status,
        row=row,
        form=form,
        **context,
    )


def _preview(admin, request, row, form, status=200, problem="", meanwhile=()):
    subject, body = form.cleaned_data["subject"], form.cleaned_data["body"]
    concerns = replies.concerns(f"{subject}\n{body}", row)
    return admin.framed(
        request,
        f"Send this to {row.called}?",
        "letter_preview.html",
        status=status,
        row=row,
        form=form,
        refused=[each.words for each in concerns if each.is_refused],
        asked=[each.words for each in concerns if not each.is_refused],
        problem=problem,
        meanwhile=meanwhile,
    )


def _send(admin, request, row, form):
    subject, body = form.cleaned_data["subject"], form.cleaned_data["body"]
    concerns = replies.concerns(f"{subject}\n{body}", row)
    if concerns and "all_the_same" not in request.POST:
        words = "" if any(each.is_refused for each in concerns) else "Tick “Send it all the same”."
        return _preview(admin, request, row, form, status=400, problem=words)
    try:
        replies.send(
            acts.as_seen(row, request.POST),
            subject,
            body,
            by=request.user,
            name=form.cleaned_data["name"] or EMPTY,
        )
    except ValidationError:
        return _preview(admin, request, row, form, status=400)
    except triage.TriageError as error:
        row = admin.get_object(request, str(row.pk))
        if row is None:
            return admin.gone(request, str(error))
        meanwhile = stale.differences(request.POST, row)
        return _preview(admin, request, row, form, 409, str(error), meanwhile)
    admin.message_user(
        request, "The letter is on its way. It counts as a contact.", messages.SUCCESS
    )
    return redirect(CHANGE, row.pk)

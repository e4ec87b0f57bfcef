"""The mails this site sends, one function each. None holds a word of health information.

Nobody has confirmed the addresses that patients enter: they may be anybody's. So what goes
there holds nothing that was typed, not even a name, which could be an advertisement. Letters,
which staff write and look through, may.
"""

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from post_office.models import PRIORITY, STATUS, Email

from practice.operations.mail_queue import NOTICE
from practice.sql.inserts import insert
from practice.templatetags.text import when

from . import clock, one_matter
from .choices import Status
from .models import Event
from .patient_page import private_link
from .timeline import SYSTEM, line, record

MAILS = "consultations/mail/"
# The timeline's line about the mails for a new request; older rows have it word for word.
RECEIVED = "Confirmation to the patient and notice to staff"
# Marks the mail that confirms an erasure, so that it can be forgotten once it was sent.
ERASURE_HEADER = "X-Data-Erased"
# Marks the mails of the site's own test request, which are handed to no mail server.
SELF_TEST_HEADER = "X-Self-Test"


def tell_received(request, practice):
    """Queues the patient's and the staff's mail in the caller's transaction, once only.

    Other mails of the request do not count: they said something else. Whether one goes out for
    what staff entered was decided by them.
    """
    if request.is_entered_by_staff:
        return
    told = Event.objects.filter(request=request, kind=Event.Kind.MAILED, summary=RECEIVED)
    if not told.exists():
        mails = of_received(request, practice)
        insert(mails)
        told_received(request, mails).save(force_insert=True)


def of_received(request, practice, facts=None) -> list[Email]:
    """The patient's and the staff's mail for a new request, not yet stored.

    With form_facts.Facts the texts are not rendered again for each request.
    """
    mails = [_patient_received(request, practice, facts)]
    # A site that nobody has filled in yet has no mailbox; its inbox has the request anyway.
    if practice.staff_mailbox:
        mails.append(_staff_received(request, practice, facts))
    return mails


def told_received(request, mails) -> Event:
    """The line for the timeline once `mails` are stored; not yet stored itself."""
    return line(
        request,
        Event.Kind.MAILED,
        SYSTEM,
        RECEIVED,
        details={"emails": [each.pk for each in mails]},
    )


def tell_entered(request, practice, *, by):
    """Confirms to the patient what staff entered for them; `by` wished it."""
    email = _queue(
        "patient_entered",
        request.email,
        practice,
        reference=request.reference,
        private_link=private_link.placeholder(request),
        is_awaiting=request.is_awaiting_first_response,
        answer_by=request.respond_by and when(request.respond_by, practice.zone),
    )
    words = "Confirmation to the patient"
    record(request, Event.Kind.MAILED, by, words, details={"emails": [email.pk]})


def tell_corrected(request, practice):
    """Sends a corrected address the reference and the link to the private page.

    Only while the request is open, or what it is merged into: a suspect could have mails sent to
    anybody, and what is closed needs none. The state is read anew, because the page may be older.
    """
    row = one_matter.worked_on(type(request).objects.defer("message").get(pk=request.pk))
    if not (row.is_open and request.email):
        return
    email = _queue(
        "patient_corrected",
        request.email,
        practice,
        reference=request.reference,
        private_link=private_link.placeholder(request),
        answer_by=row.is_awaiting_first_response and _answer_by(row, practice),
    )
    record(
        request,
        Event.Kind.MAILED,
        SYSTEM,
        "Mail to the corrected address",
        details={"emails": [email.pk]},
    )


def tell_patient_new_link(request, practice):
    """Sends the patient the link that works from now on."""
    return _queue(
        "patient_new_link",
        request.email,
        practice,
        reference=request.reference,
        private_link=private_link.placeholder(request),
    )


def tell_patient_erased(request, practice):
    """The confirmation that the private page promises; the request itself is gone by now.

    None where no address is known.
    """
    return request.email and _queue(
        "patient_erased",
        request.email,
        practice,
        headers={ERASURE_HEADER: "yes"},
        reference=request.reference,
    )


def tell_staff_deletion_asked(request, practice):
    """The link leads to what staff work on, which is erased together with a duplicate."""
    if not practice.staff_mailbox:
        return
    _queue(
        "staff_deletion_asked",
        practice.staff_mailbox,
        practice,
        headers=NOTICE,
        reference=request.reference,
        link=_admin_address(one_matter.worked_on(request)),
    )


def tell_manager_late(late, number, address, practice):
    """`late` are the requests to name, `number` how many there are in all."""
    _manager_late(late, number, address, practice).save()


def tell_manager_late_anew(mail, late, number, practice):
    """Writes a mail of `tell_manager_late` anew, for those of its requests that are still there."""
    anew = _manager_late(late, number, mail.to[0], practice)
    Email.objects.filter(pk=mail.pk).update(
        subject=anew.subject, message=anew.message, html_message=anew.html_message
    )


def _manager_late(late, number, address, practice):
    named = [{"reference": request.reference, "link": _admin_address(request)} for request in late]
    return _mail("manager_late", address, practice, headers=NOTICE, named=named, number=number)


def send_letter(request, subject, body, practice):
    """Queues a letter that staff wrote or filled in; its text was checked by `replies`."""
    return _queue("letter", request.email, practice, subject=subject, body=body)


def send_weekly_report(figures, address, practice):
    _queue("weekly_report", address, practice, headers=NOTICE, **figures)


def tell_operators_form_fails(why, practice):
    """`why` says which step of the daily self test failed; it holds no value."""
    for address in operators(practice):
        _queue("form_fails", address, practice, headers=NOTICE, why=why)


def tell_operators_form_works(practice):
    for address in operators(practice):
        _queue("form_works", address, practice, headers=NOTICE)


def operators(practice) -> list[str]:
    """Who looks after the machines; staff, where nobody is named."""
    return settings.ERROR_EMAIL or [each for each in [practice.staff_mailbox] if each]


def _patient_received(request, practice, facts=None):
    return _mail(
        "patient_received",
        request.email,
        practice,
        headers=_mark(request),
        facts=facts,
        reference=request.reference,
        answer_by=_answer_by(request, practice),
        private_link=private_link.placeholder(request),
    )


def _answer_by(request, practice):
    """In words; None for a promise that has gone by, as of one restored from quarantine."""
    moment = clock.still_to_keep(request)
    return moment and when(moment, practice.zone)


def _staff_received(request, practice, facts=None):
    """A pointer to the new request: its reference and a link, nothing else."""
    return _mail(
        "staff_received",
        practice.staff_mailbox,
        practice,
        headers=_mark(request),
        facts=facts,
        reference=request.reference,
        is_quarantined=request.status == Status.QUARANTINED,
        link=_admin_address(request),
    )


def _mark(request):
    return {SELF_TEST_HEADER: "yes"} if request.is_test else {}


def _admin_address(request):
    path = reverse("admin:consultations_consultationrequest_change", args=[request.pk])
    return f"{settings.SITE_URL}{path}"


def _queue(name, recipient, practice, **context):
    """Stores the mail in the caller's transaction; the worker sends it."""
    email = _mail(name, recipient, practice, **context)
    email.save()
    return email


def _mail(name, recipient, practice, headers=None, facts=None, **context):
    """A mail for the queue, not yet stored. Its texts are final: nothing renders them again."""
    frame = {"practice": practice, "site_url": settings.SITE_URL, "zone": practice.zone}

    def text(end):
        template = f"{MAILS}{name}{end}"
        if facts:
            return facts.filled(template, context, frame)
        return render_to_string(template, context | frame)

    return Email(
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[recipient],
        subject=" ".join(text("_subject.txt").split()),
        message=text(".txt"),
        html_message=text(".html"),
        headers={"Auto-Submitted": "auto-generated", **(headers or {})},
        priority=PRIORITY.medium,
        status=STATUS.queued,
    )

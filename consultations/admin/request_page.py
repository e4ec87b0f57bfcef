"""Everything the page of one request shows, gathered in a constant number of queries."""

from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Count, Max, Q
from django.utils import timezone

from practice.models import Practice

from .. import one_matter
from ..choices import OPEN, CloseReason, Status
from ..consents import HEALTH_DATA_SPOKEN
from ..models import Consent, ConsultationRequest, Event, Photo, ReplyTemplate
from ..request_queries import same_address_or_number
from ..staff_work import staff_forms
from ..triage import NEXT
from . import inbox, merging, writing
from .acts import ACTS
from .photographs import LOOKED_AT

OTHERS_SHOWN = 10
LOOKERS_SHOWN = 50


def context(row, user, bound=None):
    """The template's context. `bound` is the form of an act that failed, with its errors."""
    now = timezone.now()
    inbox.set_promise(row, Practice.current().calendar(), now)
    requests = merging.together(row, user)
    consents = Consent.objects.filter(request__in=requests)
    consents = merging.with_origin(consents, requests, row)
    return {
        "row": row,
        "merged": [each for each in requests.values() if each.pk != row.pk],
        "reach": ways_to_reach(row),
        "also_given": also_given(row, requests),
        "deletion_asked_at": deletion_asked_at(requests),
        "do_not_contact": do_not_contact(row, requests),
        "consents": consents,
        "to_ask": health_to_ask(row, consents),
        "photos": merging.with_origin(Photo.objects.filter(request__in=requests), requests, row),
        "others": others(row, user),
        "events": events(requests, row),
        "may_merge": row.status in OPEN,
        "reply_templates": ReplyTemplate.objects.all(),
        "link_state": link_state(row, now),
        "holds": holds(row, requests),
        "lookers": lookers(row),
        "forms": forms(row, bound) if user.has_perm("consultations.triage_request") else {},
        "failed": bound,
        "moves": staff_forms.moves(row),
        "can_close": Status.CLOSED in NEXT[Status(row.status)],
        "outcomes": staff_forms.ContactAttempt.Outcome.choices,
        "reasons": CloseReason.choices,
        "owner_is_me": row.owner_id == user.pk,
        "now": now,
    }


def forms(row, bound=None):
    """The forms by their place on the page; the failed one keeps what was typed, and says why."""
    made = {_place(act.form): act.form for act in ACTS.values()} | {"work": staff_forms.WorkForm}
    made = {place: form(row=row) for place, form in made.items()}
    if bound is not None:
        made[_place(type(bound))] = bound
    return made


def _place(form):
    """The acts of daily work are buttons of one form, so that each takes all that was typed."""
    return "work" if issubclass(form, staff_forms.WorkForm) else form.act.replace("-", "_")


def ways_to_reach(row):
    """(words, link or None, label, why not) for each way, the patient's preferred one first."""
    reasons = staff_forms.not_allowed(row)
    number = row.phone.as_e164 if row.phone else ""
    shown = row.phone.as_international if row.phone else ""
    ways = [
        ("phone", "Call", number and f"tel:{number}", shown, "No phone number was given."),
        (
            "text",
            "Text",
            number and row.may_text and f"sms:{number}",
            shown,
            reasons.get(staff_forms.Channel.TEXT, ""),
        ),
        (
            "email",
            "Email",
            row.email and f"mailto:{row.email}",
            row.email,
            reasons.get(staff_forms.Channel.EMAIL, ""),
        ),
    ]
    preferred = [way for way in ways if way[0] == row.contact_method]
    rest = [way for way in ways if way[0] != row.contact_method]
    return [
        {
            "verb": verb,
            "link": link,
            "shown": shown,
            "why_not": why_not,
            "is_preferred": key == row.contact_method,
        }
        for key, verb, link, shown, why_not in preferred + rest
    ]


def also_given(row, requests):
    """(number or address, reference) for what was given differently in what is merged into it."""
    return [
        (what, each.reference) for each in requests.values() for what in says_otherwise(row, each)
    ]


def says_otherwise(row, other):
    """The other's number and address, as far as they are not the row's: one may be out of date."""
    found = []
    if other.phone and other.phone != row.phone:
        found.append(other.phone.as_international)
    if other.email.lower() != row.email.lower():
        found.append(other.email)
    return found


def deletion_asked_at(requests):
    """When the patient first asked for it, on whichever page."""
    asked = [each.deletion_asked_at for each in requests.values() if each.deletion_asked_at]
    return min(asked, default=None)


def do_not_contact(row, requests):
    """Why nobody may call or write, in words; empty when they may."""
    if deletion_asked_at(requests):
        return "the patient asked for deletion"
    if row.close_reason == CloseReason.WITHDRAWN:
        return "withdrawn by the patient"
    return ""


def holds(row, requests):
    """The references of those that a legal hold is on; asked only where something is merged."""
    if row.duplicate_of_id or len(requests) > 1:
        return one_matter.holds_on(row)
    return [row.reference] if row.legal_hold else []


def health_to_ask(row, consents):
    """The question about health that staff have yet to hear a yes to; None when there is none."""
    asked = [
        each.is_given
        for each in consents
        if each.request_id == row.pk and each.kind == Consent.Kind.HEALTH_DATA
    ]
    is_open_question = row.is_entered_by_staff and not any(asked[-1:])
    return HEALTH_DATA_SPOKEN.text if is_open_question else None


def others(row, user):
    """Other requests with the same e-mail address or number, as far as `user` may see them."""
    found = list(
        ConsultationRequest.objects.visible_to(user)
        .filter(same_address_or_number(row))
        .exclude(Q(pk=row.pk) | Q(duplicate_of=row))
        .select_related("procedure")
        .defer("message")
        .order_by("-received_at")[:OTHERS_SHOWN]
    )
    for each in found:
        each.says_otherwise = says_otherwise(row, each)
    return found


def events(requests, row):
    """The timeline of the request and of those merged into it, newest first."""
    rows = Event.objects.filter(request__in=requests).order_by("-at", "-pk")
    told = merging.with_origin(rows, requests, row)
    return writing.with_delivery([_in_words(event) for event in told])


def link_state(row, now):
    """(words, tone) about the patient's private link."""
    if row.link_revoked_at:
        return "Revoked", "bad"
    if not row.link_digest:
        return "None yet", "quiet"
    if not row.link_expires_at or row.link_expires_at <= now:
        return "Expired", "warn"
    return "Works", "good"


def seen_by_staff(rows):
    """What the patients did last is seen now; what comes between stays marked."""
    for row in rows:
        if row.patient_acted_at:
            same = ConsultationRequest.objects.filter(
                pk=row.pk, patient_acted_at__lte=row.patient_acted_at
            )
            same.update(patient_acted_at=None)


def _in_words(event):
    event.moved = ""
    if event.kind == Event.Kind.MOVED:
        event.moved = f"{event.get_from_status_display()} → {event.get_to_status_display()}"
    return event


def lookers(row):
    """Who has opened this request: name, how often, when last."""
    return (
        LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(ConsultationRequest),
            object_id=row.pk,
            action=LogEntry.Action.ACCESS,
        )
        # Each picture on the page is a line of its own in the audit trail, not one more look.
        .exclude(additional_data__has_key=LOOKED_AT)
        .order_by()
        .values("actor__first_name", "actor__last_name", "actor__username", "actor_email")
        .annotate(times=Count("pk"), last=Max("timestamp"))
        .order_by("-last")[:LOOKERS_SHOWN]
    )

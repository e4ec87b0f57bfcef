"""What the admin's first page says: today's work, and for those who may see them, figures."""

from datetime import timedelta

from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from practice import health
from practice.models import Practice, Surgeon
from practice.publishing import Publishable
from procedures.models import Procedure

from .. import clock, reports
from ..models import ConsultationRequest
from . import drawings, inbox

SHOWN = ("late", "due-today", "follow-up", "from-patients", "unassigned", "mine", "todo")
TONES = {"late": "bad", "due-today": "warn", "follow-up": "warn", "from-patients": "warn"}
LATE_SHOWN = 8
DAYS = 28
# Numbers and names of procedures only; nothing in it is about a person.
FIGURES_KEY = "dashboard-figures"
FIGURES_KEPT = 60


def overview(user):
    """Everything the first page shows to this person; parts they may not see are empty."""
    practice = Practice.current()
    return {
        "today": today(user),
        "late": late(user, practice),
        "figures": figures(practice) if user.has_perm("consultations.view_report") else None,
        "reviews": reviews(user),
    }


def today(user):
    """Numbers that link to the inbox, for those who may look into it; else None."""
    if not user.has_perm("consultations.view_consultationrequest"):
        return None
    moment = inbox.Moment.of(user)
    found = inbox.counts(ConsultationRequest.objects.visible_to(user), moment)
    address = reverse("admin:consultations_consultationrequest_changelist")
    numbers = [
        {
            "label": inbox.BY_KEY[key].label,
            "count": inbox.in_figures(found[key]),
            "tone": TONES.get(key, "") if found[key] else "",
            "link": f"{address}?view={key}",
        }
        for key in SHOWN
    ]
    return {"figures": numbers, "machinery": machinery()}


def machinery():
    """(what, state, is well) of the worker and the mail queue."""
    parts = (("Background worker", health.worker()), ("Mail queue", health.mail()))
    return [{"name": name, "state": state, "is_well": state == "ok"} for name, state in parts]


def late(user, practice):
    """The requests that wait longest beyond their promise, as far as the person may see them."""
    if not user.has_perm("consultations.view_consultationrequest"):
        return []
    view = inbox.BY_KEY["late"]
    moment = inbox.Moment.of(user)
    seen = ConsultationRequest.objects.visible_to(user).select_related("procedure", "owner")
    rows = view.within(seen, moment).defer("message").order_by("respond_by", "pk")[:LATE_SHOWN]
    return inbox.with_promises(list(rows), practice.calendar(), moment.now)


def figures(practice):
    """How requests were answered and where they came from, kept for a minute."""
    return cache.get_or_set(FIGURES_KEY, lambda: _figures(practice), FIGURES_KEPT)


def _figures(practice):
    now = timezone.now()
    since = now - timedelta(days=DAYS)
    promised = practice.first_response_minutes
    answering = reports.answering(since, now, promised)
    weeks = reports.weekly_numbers()
    return {
        "days": DAYS,
        "received": answering.received,
        "answered": answering.answered,
        "in_time": answering.percent_in_time,
        "promised": clock.in_words(promised),
        "times": [
            {"label": label, "words": clock.in_words(minutes), "is_kept": minutes <= promised}
            for label, minutes in (
                ("Half are answered within", answering.median),
                ("Nine in ten are answered within", answering.ninetieth),
            )
            if minutes is not None
        ],
        "tables": [
            drawings.bars("Open now, by age", "Age", reports.open_by_age(now)),
            drawings.bars(f"By procedure, {DAYS} days", "Procedure", reports.by_procedure(since)),
            drawings.bars(f"By source, {DAYS} days", "Source", reports.by_origin(since)),
        ],
        "chart": drawings.weeks(weeks),
    }


def reviews(user):
    """Pages whose review is overdue, for those who can do something about it."""
    day = timezone.localdate()
    overdue = []
    for model, permission, name in (
        (Procedure, "procedures.change_procedure", "procedures_procedure"),
        (Surgeon, "practice.change_surgeon", "practice_surgeon"),
    ):
        if user.has_perm(permission):
            pages = model.objects.filter(review_due__lt=day, status=Publishable.Status.PUBLISHED)
            overdue += [
                {
                    "name": page.name,
                    "due": page.review_due,
                    "link": reverse(f"admin:{name}_change", args=[page.pk]),
                }
                for page in pages.only("name", "review_due").order_by("review_due")
            ]
    return overdue

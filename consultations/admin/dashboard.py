"""What the admin's first page says: today's work, and for those who may see them, figures."""

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from practice.editing import refusals
from practice.models import Practice, Surgeon
from practice.operations import health
from practice.publishing import Publishable
from procedures.models import Procedure

from .. import clock
from ..figures import kept_figures
from ..models import ConsultationRequest
from . import drawings, inbox

SHOWN = ("late", "due-today", "follow-up", "from-patients", "unassigned", "mine", "todo")
TONES = {"late": "bad", "due-today": "warn", "follow-up": "warn", "from-patients": "warn"}
LATE_SHOWN = 8


def overview(user):
    """Everything the first page shows to this person; parts they may not see are empty."""
    practice = Practice.current()
    return {
        "today": today(user),
        "late": late(user, practice),
        "figures": figures() if user.has_perm("consultations.view_report") else None,
        "refused": refusals.waiting(user),
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
    """(what, state, is well) of the worker, the mail queue, the jobs and what is done daily."""
    parts = [
        ("Background worker", health.worker()),
        ("Mail queue", health.mail()),
        ("Background jobs", health.jobs()),
    ]
    if settings.SELF_TEST:
        parts.append(("Self test of the form", health.self_test()))
    if settings.BACKUP_EVERY_HOURS:
        parts.append(("Backup", health.backup()))
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


def figures():
    """How requests were answered and where they came from, as last counted."""
    kept = kept_figures.current()
    values, days = kept.values, kept_figures.DAYS
    promised = values["promised"]
    return {
        "days": days,
        "made_at": kept.made_at,
        "received": values["received"],
        "answered": values["answered"],
        "in_time": values["in_time"],
        "kept": values["kept"],
        "due": values["due"],
        "late": values["late"],
        "promised": clock.in_words(promised),
        "times": [
            {"label": label, "words": clock.in_words(minutes), "is_kept": minutes <= promised}
            for label, minutes in (
                ("Half were answered in", values["median"]),
                ("Nine in ten were answered in", values["ninetieth"]),
            )
            if minutes is not None
        ],
        "tables": [
            drawings.bars("Open now, by age", "Age", values["open_by_age"]),
            drawings.bars(f"By procedure, {days} days", "Procedure", values["by_procedure"]),
            drawings.bars(f"By source, {days} days", "Source", values["by_origin"]),
        ],
        "chart": drawings.weeks(values["weeks"]),
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

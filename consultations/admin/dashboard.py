"""What the admin's first page says: today's work, and for those who may see them, figures."""

from dataclasses import dataclass

from django.conf import settings
from django.urls import reverse

from practice.editing import refusals
from practice.models import Practice
from practice.operations import health

from .. import clock
from ..figures import kept_figures
from ..models import ConsultationRequest
from . import drawings, editors_desk, inbox

SHOWN = ("late", "due-today", "follow-up", "from-patients", "unassigned", "mine", "todo")
TONES = {"late": "bad", "due-today": "warn", "follow-up": "warn", "from-patients": "warn"}
LATE_SHOWN = 8
# Whom to tell, and what it means until then (docs/handbook.md, “What the lights mean”).
ASK_FOR_THE_WORKER = (
    "Tell whoever runs the server: the background worker has to be started. Until then no email "
    "leaves and no page goes live on time; nothing is lost."
)
ASK_ABOUT_MAIL = (
    "Tell whoever runs the server that email does not leave. Nothing is lost. Call patients who "
    "wait for an answer."
)
ASK_ABOUT_A_JOB = "Tell whoever runs the server what stands here."
MAIL_LIST = ("post_office.view_email", "admin:post_office_email_changelist")
JOB_LIST = ("practice.view_jobrun", "admin:practice_jobrun_changelist")


@dataclass(frozen=True)
class Part:
    """Something that works by itself; `health` says “ok” or what is the matter with it."""

    name: str
    health: str
    when_not: str
    whom_to_tell: str
    permission: str = ""
    address: str = ""

    def shown_to(self, user):
        is_well = self.health == "ok"
        may_look = self.address and user.has_perm(self.permission)
        return {
            "name": self.name,
            "is_well": is_well,
            "state": "Working" if is_well else self.when_not,
            "matter": "" if is_well else self.health,
            "advice": "" if is_well else self.whom_to_tell,
            "link": reverse(self.address) if may_look else "",
        }


def overview(user):
    """Everything the first page shows to this person; parts they may not see are empty."""
    practice = Practice.current()
    return {
        "today": today(user),
        "late": late(user, practice),
        "figures": figures() if user.has_perm("consultations.view_report") else None,
        "refused": refusals.waiting(user),
        "drafts": editors_desk.drafts(user),
        "reviews": editors_desk.reviews(user),
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
    return {"figures": numbers, "machinery": machinery(user)}


def machinery(user):
    """What works by itself, each with its state in one word, and if it does not work what is
    the matter, whom to tell, and where this person can see more."""
    parts = [Part("Background worker", health.worker(), "Stopped", ASK_FOR_THE_WORKER)]
    parts.append(Part("Mail queue", health.mail(), "Late", ASK_ABOUT_MAIL, *MAIL_LIST))
    parts.append(Part("Background jobs", health.jobs(), "Failed", ASK_ABOUT_A_JOB, *JOB_LIST))
    if settings.SELF_TEST:
        parts.append(Part("Self test of the form", health.self_test(), "Failed", ASK_ABOUT_A_JOB))
    if settings.BACKUP_EVERY_HOURS:
        parts.append(Part("Backup", health.backup(), "Late", ASK_ABOUT_A_JOB))
    return [part.shown_to(user) for part in parts]


def late(user, practice):
    """The requests that wait longest beyond their promise, as far as the person may see them."""
    if not user.has_perm("consultations.view_consultationrequest"):
        return None
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

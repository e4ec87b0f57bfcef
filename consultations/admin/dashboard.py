"""What the admin's first page says about today."""

from django.urls import reverse

from practice import health

from ..models import ConsultationRequest
from . import inbox

SHOWN = ("late", "due-today", "follow-up", "unassigned", "mine", "todo")
TONES = {"late": "bad", "due-today": "warn", "follow-up": "warn"}


def today(user):
    """Figures that link to the inbox, for those who may look into it; else None."""
    if not user.has_perm("consultations.view_consultationrequest"):
        return None
    moment = inbox.Moment.of(user)
    found = inbox.counts(ConsultationRequest.objects.visible_to(user), moment)
    address = reverse("admin:consultations_consultationrequest_changelist")
    figures = [
        {
            "label": inbox.BY_KEY[key].label,
            "count": inbox.in_figures(found[key]),
            "tone": TONES.get(key, "") if found[key] else "",
            "link": f"{address}?view={key}",
        }
        for key in SHOWN
    ]
    return {"figures": figures, "machinery": machinery(user)}


def machinery(user):
    """(what, state, is well) of the worker and the mail queue."""
    return [
        {"name": "Background worker", "state": worker, "is_well": worker == "ok"}
        for worker in (health.worker(),)
    ] + [
        {"name": "Mail queue", "state": mail, "is_well": mail == "ok"} for mail in (health.mail(),)
    ]

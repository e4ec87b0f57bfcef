"""What goes live by its time: scheduled pages, and drafts that were given a time."""

import logging

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import transaction
from django.utils import timezone

from . import revisions
from .publishing import Publishable

logger = logging.getLogger("practice.scheduling")


def publish_due(now=None) -> int:
    """Publishes whatever is due, each through its gate; how many went live.

    A scheduled page is seen by its time alone; here its state catches up, which tells every
    cache. A page that the gate refuses becomes a draft again; a draft that it refuses keeps
    waiting without a time and says why in its note.
    """
    now = now or timezone.now()
    published = 0
    for model in Publishable.__subclasses__():
        due = model.objects.filter(status=Publishable.Status.SCHEDULED, publish_at__lte=now)
        for page in due:
            published += publish_page(page, now)
    for draft in revisions.Revision.objects.filter(is_draft=True, publish_at__lte=now):
        published += publish_draft(draft)
    return published


def publish_page(page, now) -> bool:
    """Publishes a page that is still due, or makes it a draft again."""
    try:
        with page.locked():
            if page.status != Publishable.Status.SCHEDULED or page.publish_at > now:
                return False  # Withdrawn, or given another time, since it was read.
            return _published_or_draft(page)
    except ObjectDoesNotExist:  # Deleted since it was read.
        return False


def _published_or_draft(page):
    try:
        page.publish()
    except ValidationError:
        page.unschedule()
        logger.warning("A scheduled page was not published: it lacks a section.")
        return False
    return True


def publish_draft(draft) -> bool:
    """Makes a draft real, or notes on it what its page would lack."""
    with transaction.atomic():
        page = revisions.apply(draft)
        findings = page.missing_for_publication()
        if findings:
            transaction.set_rollback(True)
        else:
            page.begin_new_version()
            page.save()
            revisions.keep(page, by=draft.by, note="Published from a draft")
            draft.delete()
    if findings:
        note = f"Not published: {', '.join(f.field.replace('_', ' ') for f in findings)} missing"
        revisions.Revision.objects.filter(pk=draft.pk).update(publish_at=None, note=note[:200])
        logger.warning("A scheduled draft was not published: its page would lack a section.")
    return not findings

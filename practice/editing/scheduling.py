"""What goes live by its time: scheduled pages, and drafts that were given a time."""

import logging

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import transaction
from django.utils import timezone

from ..caching.content_version import raise_version
from ..operations.background import DATABASE_AWAY, JobFailed
from ..publishing import Publishable
from . import refusals, revisions
from .revisions import Revision

logger = logging.getLogger("practice.scheduling")


def publish_due(now=None) -> int:
    """Publishes whatever is due, each by itself and through its gate; how many went live.

    A scheduled page is seen by its time alone; here its state catches up, which tells every
    cache. A page that the gate refuses becomes a draft again; a draft that cannot be made
    real keeps waiting without a time. Either says why, and its editor gets a mail
    (`refusals`). Raises JobFailed at the end
    when a page could not be saved.
    """
    now = now or timezone.now()
    published, failed = 0, 0
    for page in _scheduled(now):
        try:
            published += publish_page(page, now)
        except DATABASE_AWAY:
            raise
        except Exception:
            logger.exception("A scheduled page could not be published.")
            failed += 1
    for draft in Revision.objects.filter(is_draft=True, publish_at__lte=now):
        published += publish_draft(draft)
    if failed:
        raise JobFailed(f"{failed} scheduled pages could not be published. The log says why.")
    return published


def _scheduled(now):
    for model in Publishable.__subclasses__():
        yield from model.objects.filter(status=Publishable.Status.SCHEDULED, publish_at__lte=now)


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
    except ValidationError as error:
        page.unschedule()
        refusals.refuse_page(page, " ".join(error.messages))
        logger.warning("A scheduled page was not published; its page says why.")
        return False
    return True


def publish_draft(draft) -> bool:
    """Makes a draft real, or takes its time away and notes why for whoever opens it."""
    try:
        return _make_real(draft)
    except DATABASE_AWAY:
        raise
    except ValidationError as error:
        why = " ".join(error.messages)
        logger.warning("A scheduled draft was not published; its page says why.")
    except Exception:
        why = "An error kept it from being saved. Open the draft, look it through and save it"
        logger.exception("A scheduled draft was not published.")
    with transaction.atomic():
        refusals.refuse_draft(draft, why)
    return False


def _make_real(draft) -> bool:
    """False for a draft that is due no longer. Raises ValidationError with what is wrong."""
    with transaction.atomic():
        raise_version()  # Other editors wait from here on, so what is checked stays true.
        draft = (
            Revision.objects.select_for_update()
            .filter(pk=draft.pk, publish_at=draft.publish_at)
            .first()
        )
        if draft is None:  # Discarded, or kept anew, since it was read.
            return False
        if draft.page is None:
            draft.delete()
            return False
        applied = revisions.apply(draft)
        page = applied.page
        _refuse_unless_whole(page, applied.refused)
        page.begin_new_version()
        page.save(update_fields=page.VERSION)
        revisions.keep(page, by=draft.by, note="Published from a draft")
        draft.delete()
    return True


def _refuse_unless_whole(page, refused):
    missing = [finding.field.replace("_", " ") for finding in page.missing_for_publication()]
    if missing:
        refused = [*refused, f"{', '.join(missing)} missing"]
    if refused:
        raise ValidationError(refused)
    page.clean()

"""Pages and drafts whose time came and that could not go live: kept, and told to their editor.

The page waits as a draft, or the draft without a time, so each is refused and told once. Why
stands in a note of the page's history, and so on the page's form; the mail has only its name.
"""

from auditlog.models import LogEntry
from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from ..models import Practice
from ..operations.mail_queue import queue
from ..publishing import Publishable
from . import revisions
from .revisions import Revision

NOT_PUBLISHED = "Not published: "


def refuse_page(page, why):
    """Notes why the page, a draft again, did not go live; call it in that transaction."""
    revisions.remark(page, _note(why))
    _tell(page, _who_timed(page), address(page))


def refuse_draft(draft, why):
    """Takes the draft's time away and notes why; call it in a transaction."""
    Revision.objects.filter(pk=draft.pk).update(publish_at=None, note=_note(why))
    if draft.page is not None:
        _tell(draft.page, draft.by, f"{address(draft.page)}?draft")


def of_page(page):
    """The note about a page that still is as it was when it was refused, else ""."""
    latest = Revision.objects.of(page).filter(is_draft=False).first()
    is_refused = latest and latest.note.startswith(NOT_PUBLISHED)
    return latest.note if is_refused and page.status == Publishable.Status.DRAFT else ""


def waiting(user):
    """Those that nobody has mended yet: name and address, for somebody who may."""
    notes = Revision.objects.filter(note__startswith=NOT_PUBLISHED).select_related("content_type")
    found = {}
    for note in notes.order_by("at").prefetch_related("page"):
        page = note.page
        if page is None or not user.has_perm(_permission(page)):
            continue
        if note.is_draft or of_page(page):
            where = f"{address(page)}?draft" if note.is_draft else address(page)
            found[where] = {"name": str(page), "link": where}
    return list(found.values())


def address(page):
    meta = page._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[page.pk])


def _permission(page):
    return f"{page._meta.app_label}.change_{page._meta.model_name}"


def _note(why):
    return f"{NOT_PUBLISHED}{why}".rstrip(".")[: revisions.LONGEST_NOTE]


def _who_timed(page):
    """The account that last gave the page a time, as the audit trail has it."""
    lines = LogEntry.objects.get_for_object(page).filter(actor__isnull=False)
    timed = lines.filter(changes__has_key="publish_at").select_related("actor")
    latest = timed.order_by("-timestamp", "-pk").first()
    return latest and latest.actor


def _tell(page, user, where):
    """One mail: to the person if they still can be told, else to the practice."""
    practice = Practice.current()
    can_be_told = user is not None and user.is_active and user.email
    recipient = user.email if can_be_told else practice.staff_mailbox
    if not recipient:  # A site that nobody has filled in yet.
        return
    context = {"page": page, "practice": practice, "link": f"{settings.SITE_URL}{where}"}
    text = render_to_string("practice/mail/not_published.txt", context)
    queue(recipient, f"“{page}” was not published – {practice.name}", text)

"""What the admin's first page tells those who look after pages: drafts, and what to read again."""

from datetime import timedelta

from django.contrib.contenttypes.models import ContentType
from django.urls import reverse
from django.utils import timezone

from practice.editing.revisions import Revision
from practice.models import Location, Surgeon
from practice.publishing import Publishable
from procedures.models import Procedure

PAGES = (Procedure, Surgeon, Location)
SHOWN = 12
SOON = timedelta(days=30)
NOT_YET = (Publishable.Status.DRAFT, Publishable.Status.SCHEDULED)


def drafts(user):
    """What waits to be published, latest change first: new pages, and kept drafts of others.

    None for whoever may change no page.
    """
    found = []
    models = _changeable(user)
    for model in models:
        pages = model.objects.filter(status__in=NOT_YET).order_by("-content_changed_at")
        found += [
            _line(page, "", at=page.content_changed_at, publish_at=page.publish_at, by="")
            for page in pages[:SHOWN]
            if not page.is_live
        ]
    types = ContentType.objects.get_for_models(*models).values()
    kept = Revision.objects.filter(is_draft=True, content_type__in=types).defer("content")
    found += [
        _line(each.page, "?draft", at=each.at, publish_at=each.publish_at, by=each.by_name)
        for each in kept.prefetch_related("page")[:SHOWN]
        if each.page
    ]
    found.sort(key=lambda line: line["at"], reverse=True)
    return found[:SHOWN] if models else None


def reviews(user):
    """Live pages whose review is due or soon will be, the longest overdue first. None as above."""
    models = _changeable(user)
    until = timezone.localdate() + SOON
    found = [
        _line(page, "", due=page.review_due)
        for model in models
        for page in model.objects.published()
        .filter(review_due__lte=until)
        .order_by("review_due")[:SHOWN]
    ]
    found.sort(key=lambda line: line["due"])
    return found[:SHOWN] if models else None


def _changeable(user):
    return [
        model
        for model in PAGES
        if user.has_perm(f"{model._meta.app_label}.change_{model._meta.model_name}")
    ]


def _line(page, query, **details):
    meta = page._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[page.pk])
    return {"name": page.name, "kind": meta.verbose_name, "link": address + query, **details}

"""Every address of the admin, and something to put into each of its parts."""

from django.contrib import admin
from post_office.models import STATUS, Email

SKIPPED = {"logout", "password_change", "password_change_done", "login", "jsi18n"}


def routes(patterns=None, prefix=""):
    """(name, route) of every address that the admin answers."""
    for pattern in patterns if patterns is not None else admin.site.urls[0]:
        route = f"{prefix}{pattern.pattern}"
        if hasattr(pattern, "url_patterns"):
            yield from routes(pattern.url_patterns, route)
        elif pattern.name and pattern.name not in SKIPPED:
            yield pattern.name, route


def address(route, objects, row, photo):
    """The route with its parts filled in; `objects` are keys by “app/model”."""
    model = "/".join(route.split("/")[:2])
    key = objects.get(model, 1)
    for part, value in (
        ("<int:pk>", row.pk),
        ("<int:photo_pk>", photo.pk),
        ("<path:object_id>", key),
        ("<path:content_type_id>", 1),
        ("<int:revision_id>", 999),
        ("<id>", key),
    ):
        route = route.replace(part, str(value))
    if route.startswith("^"):
        route = "consultations/"
    return f"/admin/{route}"


def keys(row):
    """Makes one row of each model that has none; the keys by “app/model”."""
    from consultations.models import ErasureReceipt, ReplyTemplate
    from practice.models import JobRun

    ReplyTemplate.objects.create(name="Hello", subject="Hello", body="Hello")
    ErasureReceipt.objects.create(reference_digest="0", reason="Test", by_name="Test")
    JobRun.objects.create(job="test", started_at=row.received_at)
    Email.objects.create(from_email="a@example.com", to=["b@example.com"], status=STATUS.sent)
    found = {}
    for model in admin.site._registry:
        name = f"{model._meta.app_label}/{model._meta.model_name}"
        found[name] = model._default_manager.order_by("pk").values_list("pk", flat=True).first()
    return found | {"consultations/consultationrequest": row.pk}

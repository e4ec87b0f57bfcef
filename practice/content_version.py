"""A number that grows whenever something that a public page may show has changed.

It lives in the database, so that every process on every server sees the same one, and it
is raised in the transaction of the change itself.
"""

from django.apps import apps
from django.db import models
from django.db.models.signals import m2m_changed, post_delete, post_save

# Apps whose every model may appear on a page, less those that never do.
CONTENT_APPS = ("practice", "procedures")
NEVER_SHOWN = frozenset({"user", "lease", "jobrun", "revision", "contentversion"})


class ContentVersion(models.Model):
    """One row, number 1."""

    number = models.PositiveBigIntegerField(default=1)

    def __str__(self):
        return str(self.number)


def content_version() -> int:
    return ContentVersion.objects.filter(pk=1).values_list("number", flat=True).first() or 0


def raise_version(**kwargs):
    raised = ContentVersion.objects.filter(pk=1).update(number=models.F("number") + 1)
    if not raised:
        ContentVersion.objects.get_or_create(pk=1)


def watch():
    """Called once when the apps are ready: every content model raises the version."""
    for label in CONTENT_APPS:
        for model in apps.get_app_config(label).get_models():
            if model._meta.model_name in NEVER_SHOWN:
                continue
            post_save.connect(raise_version, sender=model, dispatch_uid=f"version-{model}")
            post_delete.connect(raise_version, sender=model, dispatch_uid=f"version-{model}")
            for field in model._meta.many_to_many:
                through = field.remote_field.through
                m2m_changed.connect(
                    raise_version, sender=through, dispatch_uid=f"version-{through}"
                )

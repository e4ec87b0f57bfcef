"""Versions of a page: its history, and changes that are prepared before patients see them.

A version is a snapshot of the page's row and of the rows that belong to it (its *parts*:
questions, milestones, sources …), made with Django's own serializer. Rows of the page stay
where they are: what patients see is always the rows. A *draft* is a snapshot of how the
page is to be; it becomes real by being applied to the rows.
"""

import difflib
from contextlib import contextmanager

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core import serializers
from django.db import models, transaction
from django.utils import timezone

# What a version does not carry: the life cycle and the bookkeeping of the row itself.
NOT_CONTENT = frozenset(
    {"id", "status", "publish_at", "first_published_at", "content_changed_at", "content_version"}
)


class RevisionQuerySet(models.QuerySet):
    def of(self, page):
        return self.filter(content_type=ContentType.objects.get_for_model(page), object_id=page.pk)


class Revision(models.Model):
    """One saved version of a page, or a draft of its next one."""

    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.PositiveBigIntegerField()
    page = GenericForeignKey()
    is_draft = models.BooleanField(default=False)
    publish_at = models.DateTimeField(null=True, blank=True)
    number = models.PositiveIntegerField(help_text="The page's content version.")
    content = models.JSONField()
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    by_name = models.CharField(max_length=150, blank=True)
    note = models.CharField(max_length=200, blank=True)

    objects = RevisionQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["content_type", "object_id", "-at"], name="history_of_page"),
            models.Index(
                fields=["publish_at"],
                name="drafts_to_publish",
                condition=models.Q(is_draft=True, publish_at__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["content_type", "object_id"],
                condition=models.Q(is_draft=True),
                name="one_draft_for_each_page",
            )
        ]

    def __str__(self):
        return f"{'Draft' if self.is_draft else 'Version'} {self.number}"


def snapshot(page):
    """The page and its parts as JSON-ready data: a list of serialized rows, the page first."""
    rows = [page]
    for name in page.PARTS:
        rows.extend(getattr(page, name).all())
    return [_json_ready(row) for row in serializers.serialize("python", rows)]


def keep(page, *, by=None, note=""):
    """Adds the page's present state to its history, unless nothing has changed since."""
    content = snapshot(page)
    latest = Revision.objects.of(page).filter(is_draft=False).first()
    if latest and latest.content == content:
        return latest
    return _store(page, content, by, note=note)


def keep_draft(page, content, *, by=None, publish_at=None):
    """Stores `content` (a snapshot) as the page's one draft in place of an earlier one."""
    with transaction.atomic():
        Revision.objects.of(page).filter(is_draft=True).delete()
        return _store(page, content, by, is_draft=True, publish_at=publish_at)


def draft_of(page):
    return Revision.objects.of(page).filter(is_draft=True).first()


def apply(revision):
    """Makes the rows as the revision says: parts that it lacks go, others are written.

    The page's life cycle and its own identity stay as they are. Returns the page, unvalidated
    by the publishing gate: whoever makes it live asks that first.
    """
    page = revision.page
    with transaction.atomic():
        objects = [item.object for item in _rows(revision.content)]
        kept = {(type(o), o.pk) for o in objects}
        for name in page.PARTS:
            for part in getattr(page, name).all():
                if (type(part), part.pk) not in kept:
                    part.delete()
        for item in _rows(revision.content):
            if isinstance(item.object, type(page)):
                _copy_content(item, page)
            else:
                item.save()
    return type(page)._base_manager.get(pk=page.pk)


@contextmanager
def pretend(revision):
    """The page as the revision says, for as long as the block runs; then all is as before.

    The rows are really written and rolled back, so whatever reads them in the block (a form,
    a page) needs to know nothing of revisions. Render inside the block.
    """
    with transaction.atomic():
        yield apply(revision)
        transaction.set_rollback(True)


def differences(older, newer):
    """What changed between two snapshots: a list of (label, [(kind, words)]).

    `kind` is "same", "added" or "removed"; `words` a run of text. White space does not
    count. Labels name the field, and
    for a part also what it is.
    """
    before, after = _by_label(older), _by_label(newer)
    labels = list(after) + [label for label in before if label not in after]
    return [
        (label, _word_changes(before.get(label, ""), after.get(label, "")))
        for label in labels
        if before.get(label, "").split() != after.get(label, "").split()
    ]


def _store(page, content, by, **fields):
    return Revision.objects.create(
        content_type=ContentType.objects.get_for_model(page),
        object_id=page.pk,
        number=page.content_version,
        content=content,
        by=by,
        by_name=str(by) if by else "",
        **fields,
    )


def _json_ready(row):
    return {**row, "pk": str(row["pk"]), "fields": _plain(row["fields"])}


def _plain(value):
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _rows(content):
    return serializers.deserialize("python", content, ignorenonexistent=True)


def _copy_content(item, page):
    for field in page._meta.concrete_fields:
        if field.name not in NOT_CONTENT and field.attname != "user_id":
            setattr(page, field.attname, getattr(item.object, field.attname))
    page.save()
    for name, related in item.m2m_data.items():
        getattr(page, name).set(related)


def _by_label(content):
    """Each value of a snapshot under a label that a reader understands."""
    values = {}
    for row, item in zip(content, _rows(content), strict=True):
        meta = item.object._meta
        is_page = row is content[0]
        part = "" if is_page else f"{meta.verbose_name.capitalize()} “{item.object}”: "
        for field in (*meta.concrete_fields, *meta.many_to_many):
            if field.name in NOT_CONTENT or field.name not in row["fields"]:
                continue
            if not is_page and (field.is_relation or field.name == "position"):
                continue
            label = f"{part}{field.verbose_name}"
            values[label[0].upper() + label[1:]] = _shown(row["fields"][field.name])
    return {label: value for label, value in values.items() if value}


def _shown(value):
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _word_changes(old, new):
    old_words, new_words = old.split(), new.split()
    changes = []
    matcher = difflib.SequenceMatcher(a=old_words, b=new_words, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            changes.append(("same", " ".join(old_words[a:b])))
            continue
        if a < b:
            changes.append(("removed", " ".join(old_words[a:b])))
        if c < d:
            changes.append(("added", " ".join(new_words[c:d])))
    return changes

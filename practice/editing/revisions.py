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
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone

from ..caching.content_version import raise_version

# What a version does not carry: the life cycle and the bookkeeping of the row itself.
NOT_CONTENT = frozenset(
    {"id", "status", "publish_at", "first_published_at", "content_changed_at", "content_version"}
)
LONGEST_NOTE = 200


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
    note = models.CharField(max_length=LONGEST_NOTE, blank=True)

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


def remark(page, note):
    """A line in the page's history about what happened to it, though nothing in it changed."""
    return _store(page, snapshot(page), None, note=note)


def keep_draft(page, content, *, by=None, publish_at=None):
    """Stores `content` (a snapshot) as the page's one draft in place of an earlier one."""
    with transaction.atomic():
        Revision.objects.of(page).filter(is_draft=True).delete()
        return _store(page, content, by, is_draft=True, publish_at=publish_at)


def draft_of(page):
    return Revision.objects.of(page).filter(is_draft=True).first()


class Applied:
    """A page as a revision says, less what cannot be so any more, each in a sentence.

    `gone` is what it names that was deleted since. `refused` are fields that stay as they are:
    what the revision says of them is another page's by now, say. Of a page that was only
    pretended, `is_for_good` tells whether it stays so.
    """

    def __init__(self, page):
        self.page, self.is_for_good = page, False
        self.gone, self.refused = [], []


def apply(revision):
    """Makes the rows as the revision says: parts that it lacks go, others are written.

    The page's life cycle and its own identity stay as they are. Returns what came of it, an
    `Applied`; its page is not looked at as a whole: whoever makes it live asks the gate and
    `clean` first.
    """
    with transaction.atomic():
        raise_version()  # Other editors wait from here on, so what is checked stays true.
        page = revision.page
        items = list(_rows(revision.content))
        kept = {(type(item.object), item.object.pk) for item in items}
        for name in page.PARTS:
            for part in getattr(page, name).all():
                if (type(part), part.pk) not in kept:
                    part.delete()
        applied = Applied(page)
        for item in items:
            if isinstance(item.object, type(page)):
                applied.refused += _copy_fields(item.object, page)
                applied.gone += _copy_links(item.m2m_data, page)
            else:
                item.save()
    applied.page = type(page)._base_manager.get(pk=page.pk)
    return applied


@contextmanager
def pretend(page, revision=None):
    """The page as the revision says, for as long as the block runs; then all is as before.

    Without a revision it is the page as it is, to be changed by the block. The rows are
    really written and rolled back, so whatever reads them in the block (a form, a page) needs
    to know nothing of revisions. Render inside the block. Yields an `Applied`; a block that
    sets its `is_for_good` lets everything stay written.
    """
    with transaction.atomic():
        applied = apply(revision) if revision else Applied(page)
        yield applied
        if not applied.is_for_good:
            transaction.set_rollback(True)


def forget_draft(sender, instance, **kwargs):
    """A page that is deleted takes its draft along. Its history stays on file."""
    Revision.objects.of(instance).filter(is_draft=True).delete()


def watch(page_models):
    """Called once when the apps are ready."""
    for model in page_models:
        models.signals.post_delete.connect(
            forget_draft, sender=model, dispatch_uid=f"draft of {model._meta.label}"
        )


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


def _copy_fields(given, page):
    """Copies what the page may be saved with; says what it may not, in sentences."""
    changed = []
    for field in page._meta.concrete_fields:
        if field.name in NOT_CONTENT or field.attname == "user_id":
            continue
        if getattr(given, field.attname) != getattr(page, field.attname):
            setattr(page, field.attname, getattr(given, field.attname))
            changed.append(field)
    errors = _errors(page, changed)
    page.save(update_fields=[field.name for field in changed if field not in errors])
    return [f"{_label(field)}: {words}" for field, words in errors.items()]


def _errors(page, changed):
    """{field: why} for those of the changed fields with which the page cannot be saved.

    Files were looked at when they came in; to do it again would fetch them.
    """
    unchanged = {each.name for each in page._meta.concrete_fields if each not in changed}
    files = {each.name for each in changed if isinstance(each, models.FileField)}
    errors = {}
    for check in (page.clean_fields, page.validate_unique):
        try:
            check(exclude=unchanged | files)
        except ValidationError as error:
            errors |= error.error_dict
    for constraint in page._meta.constraints:
        try:
            constraint.validate(type(page), page, exclude=unchanged)
        except ValidationError as error:
            errors |= dict.fromkeys(constraint.fields, error.error_list)
    return {each: _why(page, each, errors[each.name]) for each in changed if each.name in errors}


def _why(page, field, errors):
    value = getattr(page, field.attname)
    if field.is_relation:
        return "what it was then has been deleted."
    if field.unique and any(error.code == "unique" for error in errors):
        return f"“{value}” belongs to another page by now."
    return " ".join(message for error in errors for message in error.messages)


def _copy_links(links, page):
    """Sets the many-to-many links; says in sentences which lead nowhere any more."""
    gone = []
    for name, keys in links.items():
        manager = getattr(page, name)
        there = manager.model._base_manager.filter(pk__in=keys)
        lost = len(set(keys)) - len(there)
        if lost:
            words = "was deleted and is" if lost == 1 else "were deleted and are"
            gone.append(f"{_label(page._meta.get_field(name))}: {lost} {words} left out.")
        manager.set(there)
    return gone


def _label(field):
    return field.verbose_name[:1].upper() + field.verbose_name[1:]


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

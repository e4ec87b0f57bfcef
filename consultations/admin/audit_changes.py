"""What one entry of the audit log changed, as a table in the words of the admin."""

from datetime import UTC, datetime

from auditlog.render import get_field_verbose_name
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.html import format_html, format_html_join

from practice.templatetags.text import moment

NOTHING = "–"
MANY = {"add": "added", "delete": "taken away"}
YES_NO = {"True": "yes", "False": "no"}


def table(entry):
    """The changes as HTML, or a dash."""
    changes = entry.changes_dict
    if not changes:
        return NOTHING
    rows = [
        (get_field_verbose_name(entry, name), *_cells(entry, name, change))
        for name, change in sorted(changes.items())
    ]
    return format_html(
        '<table class="changes"><thead><tr><th scope="col">Field</th><th scope="col">Before</th>'
        '<th scope="col">After</th></tr></thead><tbody>{}</tbody></table>',
        format_html_join("", '<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>', rows),
    )


def _cells(entry, name, change):
    """(before, after) of a field, or of a list of links what was added or taken away."""
    if isinstance(change, dict):
        names = ", ".join(map(str, change["objects"]))
        words = f"{MANY.get(change['operation'], change['operation'])}: {names}"
        return (words, NOTHING) if change["operation"] == "delete" else (NOTHING, words)
    field = _field(entry, name)
    return tuple(_shown(field, value) for value in change)


def _field(entry, name):
    model = entry.content_type.model_class()
    try:
        return model and model._meta.get_field(name)
    except FieldDoesNotExist:
        return None


def _shown(field, value):
    """A value as the log keeps it, which is as text and in UTC."""
    if value in (None, "", "None"):
        return NOTHING
    if isinstance(field, models.DateTimeField):
        try:
            return moment(datetime.fromisoformat(value).replace(tzinfo=UTC))
        except ValueError:
            return value
    if isinstance(field, models.BooleanField):
        return YES_NO.get(value, value)
    if getattr(field, "choices", None):
        return next((words for key, words in field.flatchoices if str(key) == value), value)
    return value

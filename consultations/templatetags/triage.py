"""How the inbox says when, and in which tone."""

from datetime import timedelta

from django import template
from django.utils import timezone
from django.utils.html import format_html

from practice.encryption import readable
from practice.templatetags.text import wall_clock

from ..choices import Status

register = template.Library()
# {% readable row "message" as words %}: None where no key opens it.
register.simple_tag(readable)

TONES = {
    Status.NEW: "accent",
    Status.ATTEMPTING: "warn",
    Status.IN_CONTACT: "good",
    Status.BOOKED: "good",
    Status.QUARANTINED: "bad",
}


@register.filter
def badge(row):
    """The state as a word in a colour; the word alone says it all."""
    tone = TONES.get(row.status, "quiet")
    return format_html('<span class="badge is-{}">{}</span>', tone, row.get_status_display())


@register.filter
def moment(value):
    """“Today 9:05 AM”, “Mon Nov 23, 9:05 AM”, with the year only when it is another one."""
    return _moment(value, ("Today", "Yesterday"))


@register.filter
def moment_within(value):
    """The same within a sentence: “promised by yesterday 9:05 AM”."""
    return _moment(value, ("today", "yesterday"))


def _moment(value, near):
    if value is None:
        return "–"
    local, now = timezone.localtime(value), timezone.localtime()
    days = (now.date() - local.date()).days
    clock = wall_clock(local).replace(" ", "\N{NO-BREAK SPACE}")
    if days in (0, 1):
        words = f"{near[days]} {clock}"
    elif local.year == now.year:
        words = f"{local:%a %b}\N{NO-BREAK SPACE}{local.day}, {clock}"
    else:
        words = f"{local:%b} {local.day}, {local.year}"
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), words)


@register.filter
def day(value):
    """“Today”, “Tomorrow”, “Mon Nov 23”; with “overdue” for a day gone by."""
    return _day(value, value)


@register.filter
def follow_up(row):
    """The same of a row's next step. What fell on a closed day is due on the next open one."""
    return _day(row.follow_up_on, row.follow_up_due)


def _day(value, due):
    if value is None:
        return "–"
    today = timezone.localdate()
    words = {today: "Today", today + timedelta(days=1): "Tomorrow"}.get(value, date_words(value))
    if due < today:
        words = f"{words}, overdue"
    elif value < today:
        words = f"{words}, a closed day"
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), words)


def date_words(value):
    """“Mon Nov 23”, with the year in place of the weekday when it is another one."""
    if value.year != timezone.localdate().year:
        return f"{value:%b} {value.day}, {value.year}"
    return f"{value:%a %b}\N{NO-BREAK SPACE}{value.day}"

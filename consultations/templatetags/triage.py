"""How the inbox says when, and in which tone."""

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
    if value is None:
        return "–"
    local, now = timezone.localtime(value), timezone.localtime()
    days = (now.date() - local.date()).days
    clock = wall_clock(local).replace(" ", "\N{NO-BREAK SPACE}")
    if days in (0, 1):
        words = f"{('Today', 'Yesterday')[days]} {clock}"
    elif local.year == now.year:
        words = f"{local:%a %b}\N{NO-BREAK SPACE}{local.day}, {clock}"
    else:
        words = f"{local:%b} {local.day}, {local.year}"
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), words)


@register.filter
def day(value):
    """“Today”, “Tomorrow”, “Mon Nov 23”; with “overdue” for a day gone by."""
    if value is None:
        return "–"
    today = timezone.localdate()
    days = (value - today).days
    date = f"{value:%a %b}\N{NO-BREAK SPACE}{value.day}"
    if value.year != today.year:
        date = f"{value:%b} {value.day}, {value.year}"
    words = {0: "Today", 1: "Tomorrow"}.get(days, date)
    if days < 0:
        words = f"{date}, overdue"
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), words)

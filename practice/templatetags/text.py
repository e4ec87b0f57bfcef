"""Template filters for prose and for moments in practice time."""

import json
import re
from datetime import timedelta
from functools import lru_cache
from html import unescape

import nh3
import phonenumbers
from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from markdown_it import MarkdownIt

register = template.Library()

# Texts of pages, which are the same for everybody: half of the time that a page takes.
KEPT = 1024
# “38.3 °C” stays on one line.
BEFORE_DEGREES = re.compile(r"(?<=\d) (?=°)")
# What could end a script element, or be taken for markup by a lenient parser.
IN_A_SCRIPT = str.maketrans({"<": "\\u003C", ">": "\\u003E", "&": "\\u0026"})

_markdown = MarkdownIt("commonmark", {"html": False, "typographer": True}).enable(
    ["replacements", "smartquotes"]
)
TAGS = {"p", "ul", "ol", "li", "strong", "em", "a", "h3", "h4", "br", "blockquote"}


@register.filter(is_safe=True)
@lru_cache(KEPT)
def markdown(text):
    """Markdown as HTML that holds only the tags of plain prose."""
    html = nh3.clean(
        _markdown.render(BEFORE_DEGREES.sub("\N{NO-BREAK SPACE}", text or "")),
        tags=TAGS,
        attributes={"a": {"href"}},
        url_schemes={"https", "http", "mailto", "tel"},
        link_rel="noopener",
    )
    return mark_safe(html)  # noqa: S308 (nh3 has just cleaned it)


@register.filter
@lru_cache(KEPT)
def plain(text):
    """Markdown as plain text, one line for each block: for search, descriptions and JSON-LD."""
    html = re.sub(r"</(p|li|h\d|blockquote)>", "\n", str(markdown(text)))
    return unescape(re.sub(r"\n\s*", "\n", nh3.clean(html, tags=set()))).strip()


@register.filter
def when(moment, zone):
    """“Monday, November 30 at 12:00 PM” in `zone` (a ZoneInfo)."""
    local = timezone.localtime(moment, zone)
    return f"{local:%A, %B} {local.day} at {wall_clock(local)}"


@register.filter
def phone(number):
    """“(512) 555-0142”: the practice's number as its country writes it, never broken in two."""
    home = phonenumbers.country_code_for_region(settings.PHONENUMBER_DEFAULT_REGION)
    is_at_home = number and number.country_code == home
    written = number.as_national if is_at_home else str(number or "")
    return written.replace(" ", "\N{NO-BREAK SPACE}")


@register.filter
def to_day(first, last):
    """“November 26 and 27, 2026”: a day, or several in a row, without saying anything twice."""
    joined = "and" if last - first == timedelta(days=1) else "to"
    if first == last:
        return f"{first:%B} {first.day}, {first.year}"
    if first.year != last.year:
        return f"{first:%B} {first.day}, {first.year} {joined} {last:%B} {last.day}, {last.year}"
    if first.month != last.month:
        return f"{first:%B} {first.day} {joined} {last:%B} {last.day}, {last.year}"
    return f"{first:%B} {first.day} {joined} {last.day}, {last.year}"


@register.filter
def wall_clock(time):
    """“8:00 AM” for a time of day."""
    return f"{time.hour % 12 or 12}:{time:%M}\N{NO-BREAK SPACE}{time:%p}"


@register.filter
def moment(value):
    """“Today 9:05 AM”, “Mon Nov 23, 9:05 AM”, “Nov 23, 2025, 9:05 AM” of another year.

    The one way in which the admin says when; practice/formats says it to Django.
    """
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
        words = f"{local:%b}\N{NO-BREAK SPACE}{local.day}, {local.year}, {clock}"
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), words)


@register.filter
def day(value, due=None):
    """“Today”, “Tomorrow”, “Mon Nov 23”; with “overdue” for a day gone by.

    `due` is when it counts as that: for a closed day, the open one after it.
    """
    if value is None:
        return "–"
    today = timezone.localdate()
    words = {today: "Today", today + timedelta(days=1): "Tomorrow"}.get(value, date_words(value))
    if (due or value) < today:
        words = f"{words}, overdue"
    elif value < today:
        words = f"{words}, a closed day"
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), words)


def date_words(value):
    """“Mon Nov 23”, with the year in place of the weekday when it is another one."""
    if value.year != timezone.localdate().year:
        return f"{value:%b} {value.day}, {value.year}"
    return f"{value:%a %b}\N{NO-BREAK SPACE}{value.day}"


@register.filter
def json_ld(data):
    """The content of a JSON-LD script element; no text in it can end the element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return mark_safe(text.translate(IN_A_SCRIPT))  # noqa: S308 (escaped just now)

"""Template filters for prose and for moments in practice time."""

import nh3
from django import template
from django.utils import timezone
from django.utils.safestring import mark_safe
from markdown_it import MarkdownIt

register = template.Library()

_markdown = MarkdownIt("commonmark", {"html": False, "typographer": True}).enable(
    ["replacements", "smartquotes"]
)
TAGS = {"p", "ul", "ol", "li", "strong", "em", "a", "h3", "h4", "br", "blockquote"}


@register.filter(is_safe=True)
def markdown(text):
    """Markdown as HTML that holds only the tags of plain prose."""
    html = nh3.clean(
        _markdown.render(text or ""),
        tags=TAGS,
        attributes={"a": {"href"}},
        url_schemes={"https", "http", "mailto", "tel"},
        link_rel="noopener",
    )
    return mark_safe(html)  # noqa: S308 (nh3 has just cleaned it)


@register.filter
def when(moment, zone):
    """“Monday, November 30 at 12:00 PM” in `zone` (a ZoneInfo)."""
    local = timezone.localtime(moment, zone)
    return f"{local:%A, %B} {local.day} at {local.hour % 12 or 12}:{local:%M %p}"


@register.filter
def wall_clock(time):
    """“8:00 AM” for a time of day."""
    return f"{time.hour % 12 or 12}:{time:%M %p}"

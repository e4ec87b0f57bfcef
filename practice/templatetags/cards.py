"""Lists of the admin where a table has no room: each row is a card."""

import re

from django import template
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.text import capfirst

register = template.Library()
BEGINNINGS = ("<td", "<th")
EMPTY = re.compile(r"<t[dh][^>]*>–?</t[dh]>")


@register.filter
def labelled(cells, headers):
    """The cells of a row, each with its column's heading; those that say nothing are marked."""
    for cell, header in zip(cells, headers, strict=False):
        begins = cell[:3]
        if begins not in BEGINNINGS or "action-checkbox" in cell[:40]:
            yield cell
            continue
        is_empty = mark_safe(" data-empty") if EMPTY.fullmatch(cell) else ""
        begins, rest = map(mark_safe, (begins, cell[3:]))  # As the admin made it.
        label = capfirst(header["text"])
        yield format_html('{}{} data-label="{}"{}', begins, is_empty, label, rest)

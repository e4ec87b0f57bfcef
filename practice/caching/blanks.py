"""Templates that are rendered once and filled in for each reader.

Rendering a page or a mail takes a hundred times as long as writing a name into it.
"""

import re

from django.template.loader import render_to_string
from django.utils.html import conditional_escape

# Around the name of a blank: characters of no script (Unicode keeps them for private use).
OPENS, CLOSES = "\ue000", "\ue001"


class Blanks:
    """What a template says, with a blank wherever it shows one of `names`.

    Filters and conditions see the blank: hand over what is to be shown, as it is to be shown.
    """

    def __init__(self, template, names, context, request=None):
        self.escape = conditional_escape if template.endswith(".html") else str
        text = render_to_string(template, context | {name: blank(name) for name in names}, request)
        # Text and names by turns. What fills one blank is never searched for another.
        self.parts = re.split(f"{OPENS}({'|'.join(sorted(names))}){CLOSES}", text)

    def filled(self, values):
        """The whole text; `values` has one for each name."""
        parts = self.parts[:]
        parts[1::2] = [self.escape(values[name]) for name in parts[1::2]]
        return "".join(parts)


def blank(name):
    """Stands in a template for what is filled in later."""
    return f"{OPENS}{name}{CLOSES}"

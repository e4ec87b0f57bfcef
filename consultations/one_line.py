"""Texts of one line, such as names: browsers send no line breaks in them, but programs may."""

from django import forms


def one_line(text):
    """The text with every run of white space, line breaks among it, as one space."""
    return " ".join(text.split())


class LineField(forms.CharField):
    """Takes one line. What comes with line breaks is joined, never refused."""

    def clean(self, value):
        # Not in `to_python`: that also reads what the page showed, which is as it is stored.
        return super().clean(one_line(value or ""))

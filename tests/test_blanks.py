"""Templates that are rendered once: each reader finds their own values, and nobody else's."""

import pytest
from django.template import engines
from django.utils.safestring import mark_safe

from practice.caching import blanks
from practice.caching.blanks import Blanks


@pytest.fixture
def template(monkeypatch):
    """`template(words)`: what a template of these words renders."""

    def template(words):
        def rendered(name, context, request):
            return engines["django"].from_string(words).render(context, request)

        monkeypatch.setattr(blanks, "render_to_string", rendered)

    return template


def test_each_reader_gets_their_own_values(template):
    template("{{ greeting }}, {{ name }}: {{ number }}. {{ name }}!")

    made = Blanks("some.html", ["name", "number"], {"greeting": "Hello"})

    assert made.filled({"name": "Ada", "number": 1}) == "Hello, Ada: 1. Ada!"
    assert made.filled({"name": "Bob", "number": 2}) == "Hello, Bob: 2. Bob!"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("some.html", "<b>Ada</b> & Co.", "&lt;b&gt;Ada&lt;/b&gt; &amp; Co."),
        ("some.html", mark_safe("<b>Ada</b>"), "<b>Ada</b>"),
        ("some.txt", "<b>Ada</b> & Co.", "<b>Ada</b> & Co."),
    ],
)
def test_values_are_escaped_where_the_template_is_html(template, name, value, shown):
    template("{{ name }}")

    assert Blanks(name, ["name"], {}).filled({"name": value}) == shown


@pytest.mark.parametrize("value", [blanks.blank("secret"), "{{ secret }}", "\\1", "%s", "{}"])
def test_what_fills_one_blank_is_never_filled_in_itself(template, value):
    template("{{ name }} {{ secret }}")

    made = Blanks("some.txt", ["name", "secret"], {})

    assert made.filled({"name": value, "secret": "S"}) == f"{value} S"


def test_a_value_that_the_template_does_not_show_is_in_nothing(template):
    template("{% if name %}Known{% endif %}")

    assert Blanks("some.txt", ["name"], {}).filled({"name": "Ada"}) == "Known"

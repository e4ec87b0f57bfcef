"""Each rule for pages accepts a good page and finds what it forbids."""

import pytest

from tests import html_rules

pytestmark = pytest.mark.once

GOOD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>A page</title>
<script src="/a.js" type="module"></script>
<script type="application/ld+json">{"a": "</b>"}</script></head>
<body><a href="#main">Skip</a>
<nav aria-label="Main"><a href="/"><img src="/a.png" alt="Home"></a></nav>
<main id="main"><h1>One</h1><p>Text <b>bold</b></p><h2 id="two">Two</h2><h3>Three</h3>
<section aria-labelledby="two"><h2>Again</h2></section>
<form><input type="hidden" name="t"><label for="q">Find</label>
<input id="q" name="q" aria-describedby="two"><button>Go</button></form></main></body></html>
"""

BREAKS = [
    ("syntax", "<p>Text <b>bold</b></p>", "<p>Text <b>bold</p>"),
    ("syntax", "<!doctype html>", ""),
    ("syntax", '<h2 id="two">', '<h2 id="two" id="three">'),
    ("syntax", "<h3>Three</h3>", "<h3>Three</h2>"),
    ("ids", "<h1>", '<h1 id="two">'),
    ("ids", "<h1>", '<h1 id="">'),
    ("references", 'aria-describedby="two"', 'aria-describedby="two three"'),
    ("references", 'for="q"', 'for="p"'),
    ("references", 'href="/"', 'href="#nowhere"'),
    ("names", '<label for="q">Find</label>', ""),
    ("names", ' alt="Home"', ""),
    ("names", ' alt="Home"', ' alt=""'),
    ("names", "<button>Go</button>", "<button></button>"),
    ("headings", "<h1>One</h1>", "<h1>One</h1><h1>Two</h1>"),
    ("headings", "<h1>One</h1>", ""),
    ("headings", "<h1>One</h1>", "<h2>Zero</h2><h1>One</h1>"),
    ("headings", "<h3>Three</h3>", "<h4>Three</h4>"),
    ("inline_code", "<h1>", '<h1 style="color: red">'),
    ("inline_code", "<h1>", '<h1 onclick="f()">'),
    ("inline_code", "</head>", "<style>p {}</style></head>"),
    ("inline_code", "</head>", "<script>f()</script></head>"),
    ("landmarks", ' lang="en"', ""),
    ("landmarks", "A page", " "),
    ("landmarks", '<a href="#main">Skip</a>', ""),
    ("landmarks", "</main>", "</main><main></main>"),
]


def test_a_good_page_breaks_no_rule():
    assert html_rules.problems(GOOD) == []


@pytest.mark.parametrize(("rule", "good", "bad"), BREAKS)
def test_a_broken_rule_is_found(rule, good, bad):
    assert good in GOOD
    assert getattr(html_rules, rule)(GOOD.replace(good, bad, 1)) != []


def test_the_visible_text_is_what_a_reader_sees():
    text = html_rules.visible_text(GOOD)

    assert text.startswith("Skip Home One Text bold Two Three")
    assert "</b>" not in text

"""Drawings are plain shapes: nothing in them acts, and nothing loads anything."""

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile

from practice import sample_content
from practice.media.drawings import MAX_BYTES, validate_drawing

pytestmark = pytest.mark.once

NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def svg(inside="", attributes=""):
    return f"<svg {NAMESPACES} {attributes}>{inside}</svg>".encode()


def check(data):
    return validate_drawing(SimpleUploadedFile("drawing.svg", data, "image/svg+xml"))


FINE = {
    "shapes": svg('<g><path d="M0 0h9"/><circle r="3"/><rect width="1" height="1"/></g>'),
    "words": svg("<title>Nerve</title><text x='1'>Branch <tspan>one</tspan></text>"),
    "a gradient": svg(
        '<defs><linearGradient id="a"><stop offset="0"/></linearGradient></defs>'
        '<path fill="url(#a)" d="M0 0"/>'
    ),
    "its own styles": svg("<style>path { fill: url(#a); stroke: currentColor }</style>"),
    "a copy of a part": svg('<use href="#a"/><use xlink:href="#b"/>'),
    "a declaration": b'<?xml version="1.0" encoding="UTF-8"?>\n' + svg(),
    "a byte order mark": b"\xef\xbb\xbf" + svg(),
    "a comment": svg("<!-- drawn by hand -->"),
    "letters of other languages": svg("<text>Nerf facial – żółć</text>"),
}


@pytest.mark.parametrize("data", FINE.values(), ids=FINE.keys())
def test_a_plain_drawing_is_accepted(data):
    assert check(data) is None


@pytest.mark.parametrize(
    "path", sorted((sample_content.FOLDER / "diagrams").glob("*.svg")), ids=lambda path: path.stem
)
def test_our_own_drawings_are_accepted(path):
    assert check(path.read_bytes()) is None


ACTIVE = {
    "a script": svg("<script>alert(1)</script>"),
    "a script of HTML": svg('<script xmlns="http://www.w3.org/1999/xhtml">alert(1)</script>'),
    "a handler": svg(attributes='onload="alert(1)"'),
    "a handler in capitals": svg('<path ONCLICK="alert(1)"/>'),
    "a link": svg('<a href="https://evil.example"><path/></a>'),
    "a script as a link": svg('<use href="javascript:alert(1)"/>'),
    "a data address": svg('<use xlink:href="data:image/svg+xml;base64,AAAA"/>'),
    "a part of another file": svg('<use href="https://evil.example/a.svg#b"/>'),
    "another base": svg(attributes='xml:base="https://evil.example/"'),
    "a picture": svg('<image href="https://evil.example/a.png"/>'),
    "a page": svg("<foreignObject><p>Hello</p></foreignObject>"),
    "an animation": svg('<animate attributeName="href" to="javascript:alert(1)"/>'),
    "a setter": svg('<set attributeName="onclick" to="alert(1)"/>'),
    "a filter that loads": svg('<filter><feImage href="#a"/></filter>'),
    "a style that loads": svg("<style>path { fill: url(https://evil.example/a) }</style>"),
    "a style with spaces": svg("<style>path { fill: URL ( 'https://evil.example' ) }</style>"),
    "an import": svg("<style>@import 'https://evil.example/a.css';</style>"),
    "a hidden import": svg("<style>@\\69mport 'https://evil.example/a.css';</style>"),
    "an image set": svg(
        "<style>svg { background: image-set('https://evil.example/a' 1x) }</style>"
    ),
    "an attribute that loads": svg('<path fill="url(https://evil.example/a)"/>'),
    "one that loads among others": svg('<path style="fill:url(#a);mask:url(//evil.example)"/>'),
    "a style sheet": b'<?xml-stylesheet href="https://evil.example/a.css"?>' + svg(),
    "a style sheet behind a declaration": (
        b'<?xml version="1.0"?><?xml-stylesheet href="https://evil.example/a.css"?>' + svg()
    ),
    "a document type": b'<!DOCTYPE svg SYSTEM "https://evil.example/a.dtd">' + svg(),
    "an entity": (
        b'<!DocType svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + svg("<text>&b;</text>")
    ),
    "an entity in another encoding": (
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE svg [<!ENTITY a "a">]>'
        + svg("<text>&a;</text>").decode()
    ).encode("utf-16"),
}


@pytest.mark.parametrize("data", ACTIVE.values(), ids=ACTIVE.keys())
def test_a_drawing_that_acts_or_loads_is_refused(data):
    with pytest.raises(ValidationError):
        check(data)


NO_DRAWINGS = {
    "nothing": b"",
    "a picture": b"\x89PNG\r\n\x1a\n",
    "text": b"Hello",
    "a page": b"<html><svg></svg></html>",
    "no namespace": b"<svg></svg>",
    "half a drawing": svg()[:-3],
    "a NUL byte": svg("\x00"),
}


@pytest.mark.parametrize("data", NO_DRAWINGS.values(), ids=NO_DRAWINGS.keys())
def test_what_is_no_drawing_is_refused(data):
    with pytest.raises(ValidationError, match="not an SVG drawing"):
        check(data)


def test_a_drawing_may_have_512_kilobytes_and_no_more():
    filled = svg("<!--" + "a" * (MAX_BYTES - len(svg("<!---->"))) + "-->")

    assert check(filled) is None
    with pytest.raises(ValidationError, match="512 KB"):
        check(filled + b"\n")


def test_a_checked_file_can_be_read_from_its_beginning():
    file = SimpleUploadedFile("drawing.svg", svg())

    validate_drawing(file)

    assert file.read() == svg()

"""SVG drawings that staff upload: plain shapes and text only."""

import base64
import hashlib
import re
from xml.etree import ElementTree

from django.core.exceptions import ValidationError

SVG = "{http://www.w3.org/2000/svg}"
MAX_BYTES = 512 * 1024
# Each different style costs 54 bytes of a header, for which proxies have 4 KB or more.
MAX_STYLES = 40
DECLARATION = re.compile(r"^\s*<\?xml\s[^?<>]*\?>")
# How CSS names something to load.
LOADING = ("@import", "image(", "image-set(", "src(")
TAGS = {
    *("svg", "g", "defs", "title", "desc", "style", "path", "rect", "circle", "ellipse", "line"),
    *("polyline", "polygon", "text", "tspan", "use", "marker", "pattern", "mask", "clipPath"),
    *("linearGradient", "radialGradient", "stop", "symbol"),
}


def validate_drawing(file):
    """Raises ValidationError unless the file is an SVG of plain shapes that loads nothing."""
    if file.size > MAX_BYTES:
        raise ValidationError("The drawing is larger than 512 KB. Simplify it and try again.")
    file.seek(0)
    try:
        # Read as UTF-8 whatever it declares: in another encoding it could hide what it holds.
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValidationError("This file is not an SVG drawing in UTF-8.") from None
    finally:
        file.seek(0)
    if "<!doctype" in text.lower() or "<!entity" in text.lower():
        raise ValidationError("Save the drawing without a document type declaration.")
    if "<?" in DECLARATION.sub("", text):
        raise ValidationError("Save the drawing without processing instructions (“<?…?>”).")
    try:
        # Entity bombs need a DOCTYPE, which was refused above.
        root = ElementTree.fromstring(text)  # noqa: S314
    except (ElementTree.ParseError, ValueError):
        raise ValidationError("This file is not an SVG drawing.") from None
    if root.tag != f"{SVG}svg":
        raise ValidationError("This file is not an SVG drawing.")
    for element in root.iter():
        _refuse_active_content(element)
    if len(_styles(root)) > MAX_STYLES:
        raise ValidationError(
            f"The drawing has more than {MAX_STYLES} different styles. Save it with attributes "
            "instead (in Inkscape: Optimized SVG, “Convert CSS attributes to XML attributes”)."
        )


def _refuse_active_content(element):
    name = element.tag.removeprefix(SVG)
    if name not in TAGS:
        raise ValidationError(f"The drawing holds <{name}>, which is not allowed.")
    texts = [element.text or ""] if name == "style" else []
    for attribute, value in element.attrib.items():
        local = attribute.rpartition("}")[2].lower()
        if (
            local.startswith("on")
            or local == "base"
            or (local == "href" and not value.startswith("#"))
        ):
            raise ValidationError(f"The drawing holds “{local}”, which is not allowed.")
        texts.append(value)
    for text in texts:
        squeezed = "".join(text.lower().split()).replace("url(#", "")
        if "\\" in text or any(words in squeezed for words in ("url(", *LOADING)):
            raise ValidationError("The drawing loads something from elsewhere. Remove that.")


def policy(drawing: bytes = b"") -> str:
    """The Content-Security-Policy with which a file is served that is no page.

    It loads nothing, runs nothing and shows in no frame. A drawing may be styled, but only
    as its own text says (`drawing`, an SVG): each style in it is allowed by its digest, so that
    “unsafe-inline” is not needed. Browsers ask for this also when a page shows the drawing.
    """
    rules = ["default-src 'none'", "base-uri 'none'", "form-action 'none'"]
    try:
        styles = _styles(ElementTree.fromstring(drawing))  # noqa: S314 (checked at upload)
    except (ElementTree.ParseError, ValueError):  # No drawing.
        styles = {}
    if styles:
        # Digests count for attributes only beside this word.
        word = ["'unsafe-hashes'"] if "attribute" in styles.values() else []
        digests = [_digest(style) for style in sorted(styles)[:MAX_STYLES]]
        rules.insert(1, " ".join(["style-src", *word, *digests]))
    return "; ".join([*rules, "frame-ancestors 'none'", "sandbox"])


def _styles(root):
    """Every different style in the drawing, with where it stands."""
    found = {}
    for element in root.iter():
        if element.tag == f"{SVG}style" and element.text:
            found.setdefault(element.text, "element")
        if element.get("style"):
            found[element.get("style")] = "attribute"
    return found


def _digest(style):
    return f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'"

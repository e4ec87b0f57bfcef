"""SVG drawings that staff upload: plain shapes and text only."""

import re
from xml.etree import ElementTree

from django.core.exceptions import ValidationError

SVG = "{http://www.w3.org/2000/svg}"
MAX_BYTES = 512 * 1024
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

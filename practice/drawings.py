"""SVG drawings that staff upload: plain shapes and text only."""

from xml.etree import ElementTree

from django.core.exceptions import ValidationError

SVG = "{http://www.w3.org/2000/svg}"
MAX_BYTES = 512 * 1024
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
    data = file.read()
    file.seek(0)
    if b"<!DOCTYPE" in data.upper() or b"<!ENTITY" in data.upper():
        raise ValidationError("Save the drawing without a document type declaration.")
    try:
        # Entity bombs need a DOCTYPE, which was refused above.
        root = ElementTree.fromstring(data)  # noqa: S314
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
        if local.startswith("on") or (local == "href" and not value.startswith("#")):
            raise ValidationError(f"The drawing holds “{local}”, which is not allowed.")
        texts.append(value)
    for text in texts:
        squeezed = "".join(text.lower().split())
        if "@import" in squeezed or "url(" in squeezed.replace("url(#", "") or "\\" in text:
            raise ValidationError("The drawing loads something from elsewhere. Remove that.")

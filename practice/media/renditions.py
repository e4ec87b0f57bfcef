"""The sizes and formats in which a picture is served, made once when it is uploaded.

They lie beside the picture under names that follow from its own, so a page can name them
without asking storage or database for anything.
"""

import io
import re

from django.core.files.base import ContentFile
from PIL import Image

WIDTHS = (480, 960, 1600)
# Best first: format, file ending, media type, how Pillow writes it.
FORMATS = (
    ("AVIF", "avif", "image/avif", {"quality": 60, "speed": 7}),
    ("WEBP", "webp", "image/webp", {"quality": 80, "method": 4}),
    ("JPEG", "jpg", "image/jpeg", {"quality": 82, "progressive": True, "optimize": True}),
)
SIZE_IN_NAME = re.compile(r"-(\d+)x(\d+)(?:_\w+)?\.webp$")
RENDITION = re.compile(r"^(.*)-w\d+\.(?:avif|webp|jpg)$")


def make(file):
    """Writes every rendition of a stored picture into its storage."""
    with file.storage.open(file.name) as stored:
        original = Image.open(stored)
        original.load()
    for width in widths(original.width):
        height = max(1, round(original.height * width / original.width))
        image = original.resize((width, height), Image.Resampling.LANCZOS)
        for kind, ending, _, options in FORMATS:
            out = io.BytesIO()
            flat = _on_white(image) if kind == "JPEG" else image
            flat.save(out, kind, **options)
            name = name_of(file.name, width, ending)
            file.storage.delete(name)
            file.storage.save(name, ContentFile(out.getvalue()))


def delete(file):
    """Removes a picture with all its renditions from its storage."""
    width, _ = size(file.name)
    for each in widths(width):
        for _, ending, _, _ in FORMATS:
            file.storage.delete(name_of(file.name, each, ending))
    file.storage.delete(file.name)


def widths(own_width):
    """The widths in pixels that a picture of `own_width` is served in: never enlarged."""
    smaller = [width for width in WIDTHS if width < own_width]
    return smaller or [own_width]


def size(name):
    """(width, height) in pixels, as written in the picture's name; (0, 0) for another name."""
    match = SIZE_IN_NAME.search(name)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def name_of(name, width, ending):
    return f"{name.removesuffix('.webp')}-w{width}.{ending}"


def original_of(name):
    """The name of the picture that a rendition was made from; its own for an original."""
    match = RENDITION.match(name)
    return f"{match[1]}.webp" if match else name


def _on_white(image):
    if image.mode == "RGB":
        return image
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white

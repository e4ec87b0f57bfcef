"""Pictures that staff upload: decoded, turned upright, stripped of metadata, re-encoded.

Nothing of the uploaded file survives but its pixels, so neither the camera's position nor
a second file hidden behind the picture can reach a visitor.
"""

import hashlib
import io
import warnings

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.db import models
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_BYTES = 30 * 1024 * 1024
MAX_PIXELS = 60_000_000
MAX_SIDE = 2400
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF")


def open_upright(file, *, formats=FORMATS, max_pixels=MAX_PIXELS):
    """The decoded first frame of an uploaded picture as an upright sRGB image.

    Raises ValidationError in words for the person who chose the file.
    """
    try:
        file.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(file, formats=formats)
            if image.width * image.height > max_pixels:
                raise ValidationError(
                    f"This picture has {image.width * image.height // 1_000_000} million pixels; "
                    f"the most we can take is {max_pixels // 1_000_000} million. "
                    "Save it smaller and choose it again.",
                    code="too_many_pixels",
                )
            image.draft("RGB", (MAX_SIDE * 2, MAX_SIDE * 2))
            image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValidationError(
            "This picture has too many pixels. Save it smaller and choose it again.",
            code="too_many_pixels",
        ) from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        raise ValidationError(
            "This file is damaged or is not a picture we can read. "
            "Choose a JPEG, PNG or WebP picture.",
            code="unreadable",
        ) from None
    upright = ImageOps.exif_transpose(image)
    mode = "RGBA" if "A" in upright.getbands() or "transparency" in upright.info else "RGB"
    bare = Image.new(mode, upright.size)
    bare.paste(upright.convert(mode))
    return bare


def reencoded(file):
    """The picture as a WebP ContentFile, at most 2400 px on its longer side, named neutrally."""
    image = open_upright(file)
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=88, method=4)
    data = out.getvalue()
    return ContentFile(data, name=f"{hashlib.sha256(data).hexdigest()[:20]}.webp")


class PictureFormField(forms.ImageField):
    def to_python(self, data):
        if data is not None and getattr(data, "size", 0) > MAX_BYTES:
            raise ValidationError(
                f"This file is larger than {MAX_BYTES // 1024 // 1024} MB. "
                "Save it smaller and choose it again.",
                code="too_large",
            )
        file = forms.FileField.to_python(self, data)
        return file and reencoded(file)


class PictureField(models.ImageField):
    """An ImageField whose uploads through forms go through `reencoded`."""

    def formfield(self, **kwargs):
        return super().formfield(**{"form_class": PictureFormField, **kwargs})

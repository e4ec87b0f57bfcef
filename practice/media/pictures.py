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
from django.db.models.fields.files import ImageFieldFile
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from . import renditions

MAX_BYTES = 30 * 1024 * 1024
MAX_PIXELS = 60_000_000
MAX_SIDE = 2400
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF")


def open_upright(file, *, formats=FORMATS, max_side=MAX_SIDE):
    """The decoded first frame of an uploaded picture: upright, sRGB, without metadata.

    Its longer side is at most `max_side` pixels. The size in the header is checked before
    anything is decoded, so a small file cannot fill the memory. Raises ValidationError in
    words for the person who chose the file.
    """
    try:
        file.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(file, formats=formats)
            _refuse_too_many_pixels(image)
            image.draft("RGB", (max_side, max_side))
            image.load()
        image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
        upright = ImageOps.exif_transpose(image)
        mode = "RGBA" if upright.has_transparency_data else "RGB"
        bare = Image.new(mode, upright.size)
        bare.paste(_in_srgb(upright, mode))
        return bare
    except Image.DecompressionBombError:
        raise too_many_pixels() from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError):
        raise ValidationError(
            "This file is damaged or is not a picture we can read. "
            "Choose a JPEG, PNG or WebP picture.",
            code="unreadable",
        ) from None


def _refuse_too_many_pixels(image):
    if image.width * image.height > MAX_PIXELS:
        raise too_many_pixels()


def too_many_pixels():
    return ValidationError(
        f"This picture has more than {MAX_PIXELS // 1_000_000} million pixels. "
        "Save it smaller and choose it again.",
        code="too_many_pixels",
    )


def _in_srgb(image, mode):
    """Colours as browsers show them once the picture's own colour profile is gone."""
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK", "L"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(
                image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            return converted.convert(mode)
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # A broken profile says nothing; the plain conversion is the best guess.
    return image.convert(mode)


class BarePicture(ContentFile):
    """A picture that `reencoded` has made."""


def reencoded(file):
    """The picture as a WebP file, at most 2400 px on its longer side.

    Its name is made of its content and its size in pixels: neutral, the same for the same
    picture, and enough to know width and height without opening it.
    """
    image = open_upright(file)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=90, method=4)
    data = out.getvalue()
    digest = hashlib.sha256(data).hexdigest()[:20]
    return BarePicture(data, name=f"{digest}-{image.width}x{image.height}.webp")


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


class PictureFile(ImageFieldFile):
    """A stored picture. However a file comes in, what is stored was made by `reencoded`."""

    def save(self, name, content, save=True):
        if not isinstance(content, BarePicture):
            content = reencoded(content)
        super().save(content.name, content, save=save)
        renditions.make(self)


class PictureField(models.ImageField):
    """An ImageField that keeps nothing of an upload but its pixels.

    Saving makes the smaller sizes as well, so that no reader waits for them.
    """

    attr_class = PictureFile

    def formfield(self, **kwargs):
        return super().formfield(**{"form_class": PictureFormField, **kwargs})

"""Files such as cameras, phones and ill-wishers make. Each function returns bytes."""

import io
import struct
import zlib

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

PLACE = "N 30 deg 16 min"  # Where the picture was taken, as a text that can be searched for.
COMMENT = b"taken by Ada in the bathroom"


def saved(image, kind="JPEG", **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def plain(size=(40, 20), colour="red", kind="JPEG", mode="RGB", **options):
    return saved(Image.new(mode, size, colour), kind, **options)


def halves(first="red", second="blue", size=(40, 20)):
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, second)
    image.paste(first, (0, 0, size[0] // 2, size[1]))
    return image


def from_a_phone(orientation=6, kind="JPEG"):
    """Lying on its side, with the place, the camera and a comment inside."""
    image = halves()
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Example Phone Maker"
    exif.get_ifd(0x8825)[1] = PLACE
    options = {"comment": COMMENT, "quality": 95} if kind == "JPEG" else {}
    return saved(image, kind, exif=exif, **options)


def animated(kind="GIF"):
    frames = [Image.new("RGB", (40, 20), colour) for colour in ("red", "blue", "green")]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


def claiming(width, height):
    """A few bytes of PNG whose header says that it is huge."""

    def chunk(name, data):
        checked = name + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def upload(data, name="picture.jpg", content_type="image/jpeg"):
    return SimpleUploadedFile(name, data, content_type)


def is_near(pixel, colour, tolerance=40):
    return all(abs(a - b) <= tolerance for a, b in zip(pixel[:3], colour, strict=True))


RED, BLUE = (255, 0, 0), (0, 0, 255)
EVIDENCE = (b"Exif", PLACE.encode(), b"Phone Maker", COMMENT, b"ICC_PROFILE", b"<script", b"PK\x03")

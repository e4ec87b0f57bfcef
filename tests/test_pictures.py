"""Pictures that staff upload: only the pixels survive, and nothing can fill the memory."""

import io
import zipfile

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from PIL import Image, ImageCms

from practice.media import pictures
from practice.models import Surgeon
from tests import picture_files as files
from tests.picture_files import BLUE, RED, is_near, upload


def opened(data, name="picture.jpg", **options):
    return pictures.open_upright(upload(data, name), **options)


def reencoded(data):
    """The stored file as (bytes, the picture in it, its name)."""
    content = pictures.reencoded(upload(data))
    stored = content.read()
    return stored, Image.open(io.BytesIO(stored)), content.name


# --- What stays and what goes -----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_place_camera_and_comment_are_gone(kind):
    original = files.from_a_phone(kind=kind)
    assert any(trace in original for trace in files.EVIDENCE)

    stored, image, _ = reencoded(original)

    assert image.format == "WEBP"
    assert not image.getexif()
    assert [trace for trace in files.EVIDENCE if trace in stored] == []
    assert {"exif", "xmp", "comment", "icc_profile"} & set(image.info) == set()


def test_a_picture_taken_sideways_is_turned_upright():
    image = opened(files.from_a_phone(orientation=6))

    assert image.size == (20, 40)
    assert is_near(image.getpixel((10, 5)), RED)
    assert is_near(image.getpixel((10, 35)), BLUE)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_way_to_hold_a_phone_is_understood(orientation):
    image = opened(files.from_a_phone(orientation))

    assert image.size == ((40, 20) if orientation < 5 else (20, 40))
    is_red_first = orientation in (1, 4, 5, 6)
    assert is_near(image.getpixel((5, 5)), RED if is_red_first else BLUE)


def hidden_zip():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("virus.txt", "hidden")
    return out.getvalue()


@pytest.mark.parametrize(
    "hidden",
    [hidden_zip(), b"<html><script>alert(1)</script>", b"\xff\xd8\xff\xe0second picture"],
    ids=["ZIP", "HTML", "picture"],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_what_hides_behind_a_picture_is_gone(kind, hidden):
    stored, image, _ = reencoded(files.plain(kind=kind) + hidden)

    assert image.size == (40, 20)
    assert hidden[:12] not in stored
    assert b"hidden" not in stored


def test_a_moving_picture_becomes_its_first_frame():
    _, image, _ = reencoded(files.animated())

    assert getattr(image, "n_frames", 1) == 1
    assert is_near(image.convert("RGB").getpixel((5, 5)), RED)


# --- Colours ----------------------------------------------------------------------------------

MODES = {
    "L": ("PNG", 128),
    "1": ("PNG", 1),
    "P": ("PNG", 5),
    "LA": ("PNG", (128, 255)),
    "RGBA": ("PNG", (255, 0, 0, 128)),
    "I;16": ("PNG", 40_000),
    "CMYK": ("JPEG", (0, 255, 255, 0)),
}


@pytest.mark.parametrize(("mode", "made"), MODES.items(), ids=MODES.keys())
def test_every_kind_of_pixel_can_be_stored(mode, made):
    kind, colour = made

    _, image, _ = reencoded(files.plain(mode=mode, colour=colour, kind=kind))

    assert image.mode in ("RGB", "RGBA")
    assert image.size == (40, 20)


def test_a_print_shops_red_is_red():
    data = files.plain(mode="CMYK", colour=(0, 255, 255, 0), quality=95)

    assert is_near(opened(data).getpixel((5, 5)), RED)


def test_what_was_transparent_stays_so():
    image = opened(files.plain(mode="RGBA", colour=(255, 0, 0, 0), kind="PNG"))

    assert image.mode == "RGBA"
    assert image.getpixel((5, 5))[3] == 0


def test_a_colour_profile_is_applied_before_it_is_dropped():
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    stored, image, _ = reencoded(files.plain(quality=95, icc_profile=lab))

    assert is_near(image.convert("RGB").getpixel((5, 5)), RED)
    assert b"ICCP" not in stored


def test_a_broken_colour_profile_is_no_obstacle():
    data = files.plain(quality=95, icc_profile=b"nonsense" * 20)

    assert is_near(opened(data).getpixel((5, 5)), RED)


# --- Sizes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "becomes"),
    [
        ((40, 20), (40, 20)),
        ((2400, 1200), (2400, 1200)),
        ((4800, 1200), (2400, 600)),
        ((1200, 4800), (600, 2400)),
    ],
    ids=str,
)
def test_pictures_are_made_smaller_and_never_larger(size, becomes):
    assert opened(files.plain(size)).size == becomes


def test_a_photograph_of_fifty_megapixels_becomes_a_picture_for_a_page():
    assert opened(files.plain((8660, 5774))).size == (2400, 1600)


@pytest.mark.parametrize(
    ("width", "height", "code"),
    [
        (7746, 7746, "too_many_pixels"),
        (7745, 7745, "unreadable"),  # Few enough, and then there is not enough behind it.
        (60_000_001, 1, "too_many_pixels"),
        (50_000, 50_000, "too_many_pixels"),
        (2**31 - 1, 2**31 - 1, "too_many_pixels"),
        (0, 10, "unreadable"),
    ],
)
def test_what_the_header_claims_is_checked_before_anything_is_decoded(width, height, code):
    data = files.claiming(width, height)
    assert len(data) < 200

    with pytest.raises(ValidationError) as refused:
        opened(data)

    assert refused.value.code == code


# --- Not pictures -----------------------------------------------------------------------------

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
NOT_PICTURES = {
    "nothing": b"",
    "text": b"Hello",
    "SVG": SVG,
    "HTML": b"<!doctype html><img src=x>",
    "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "half a JPEG": files.plain((400, 400))[:700],
    "half a PNG": files.plain((400, 400), kind="PNG")[:200],
    "the beginning of a JPEG": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "the beginning of a GIF": b"GIF89a",
    "a TIFF": files.plain(kind="TIFF"),
    "a BMP": files.plain(kind="BMP"),
    "an icon": files.plain((32, 32), kind="ICO"),
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
}


@pytest.mark.parametrize("data", NOT_PICTURES.values(), ids=NOT_PICTURES.keys())
@pytest.mark.parametrize("name", ["picture.jpg", "picture.png"])
def test_what_is_no_picture_is_refused_whatever_it_is_called(data, name):
    with pytest.raises(ValidationError) as refused:
        opened(data, name)

    assert refused.value.code == "unreadable"
    assert "JPEG, PNG or WebP" in refused.value.message


@pytest.mark.parametrize("name", ["picture.png", "picture.exe", "picture", "../../picture.jpg"])
def test_the_name_of_a_real_picture_does_not_matter(name):
    content = pictures.reencoded(upload(files.plain(), name))

    assert content.name.endswith("-40x20.webp")
    assert "picture" not in content.name
    assert "/" not in content.name


# --- In the form and on the page --------------------------------------------------------------


def test_the_form_takes_a_picture_and_refuses_one_that_is_too_large(monkeypatch):
    field = Surgeon._meta.get_field("portrait").formfield()
    assert field.clean(upload(files.plain())).name.endswith(".webp")

    data = files.plain()
    monkeypatch.setattr(pictures, "MAX_BYTES", len(data) - 1)
    with pytest.raises(ValidationError) as refused:
        field.clean(upload(data))

    assert refused.value.code == "too_large"


def test_the_limit_of_staff_pictures_is_thirty_megabytes():
    assert pictures.MAX_BYTES == 30 * 1024 * 1024


@pytest.mark.django_db
def test_a_picture_that_does_not_come_through_a_form_is_reencoded_as_well(surgeon, client):
    surgeon.portrait = ContentFile(files.from_a_phone(), name="IMG_1234 Ada.jpg")
    surgeon.save()

    served = client.get(surgeon.portrait.url)

    stored = b"".join(served.streaming_content)
    assert served.status_code == 200
    assert "IMG" not in surgeon.portrait.name
    assert [trace for trace in files.EVIDENCE if trace in stored] == []
    assert Image.open(io.BytesIO(stored)).size == (20, 40)

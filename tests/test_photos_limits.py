"""How large a photograph may be, how many one request holds, and which files are left over."""

import hashlib
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils import timezone
from PIL import Image

from consultations import photos
from consultations.models import Photo
from tests import picture_files as files
from tests.test_photos import folder  # noqa: F401 (the files of each test lie alone)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def image():
    return Image.new("RGB", (40, 20), "red")


def a_file(name):
    return storages["private"].save(name, ContentFile(b"ciphertext"))


def what_is_wrong_with(upload):
    """In words; "" when it is taken."""
    try:
        photos.checked(upload)
    except ValidationError as error:
        return error.message
    return ""


# --- How large --------------------------------------------------------------------------------


def test_the_largest_size_is_told_in_megabytes():
    too_large = SimpleNamespace(size=15 * 1024 * 1024 + 1, name="IMG_1.JPG")

    assert "larger than 15 MB" in what_is_wrong_with(too_large)


@pytest.mark.parametrize(("height", "is_refused"), [(5_000, False), (5_001, True)])
def test_what_is_read_whole_may_have_25_million_pixels(height, is_refused):
    found = what_is_wrong_with(files.upload(files.claiming(5_000, height), "a.png"))

    assert ("more than 25 million pixels" in found) is is_refused


# With room for 40 × 20 pixels at once.
READ = {
    "a PNG": ({"kind": "PNG"}, True),
    "a WebP": ({"kind": "WEBP"}, True),
    "a progressive JPEG": ({"progressive": True}, True),
    "an ordinary JPEG": ({}, False),
}


@pytest.mark.parametrize(("options", "is_whole"), READ.values(), ids=READ.keys())
def test_only_an_ordinary_jpeg_is_made_smaller_while_it_is_read(monkeypatch, options, is_whole):
    monkeypatch.setattr(photos, "MAX_PIXELS_AT_ONCE", 40 * 20)

    fits = what_is_wrong_with(files.upload(files.plain((40, 20), **options)))
    too_large = what_is_wrong_with(files.upload(files.plain((40, 21), **options)))

    assert fits == ""
    assert ("million pixels" in too_large) is is_whole


def test_the_longer_side_is_kept_at_2400_pixels():
    assert photos.checked(files.upload(files.plain((2_400, 30)))).size == (2_400, 30)
    assert photos.checked(files.upload(files.plain((30, 4_800)))).size == (15, 2_400)


# --- How many ---------------------------------------------------------------------------------


def test_the_photographs_of_another_request_take_no_room(a_request):
    mine, other = a_request(), a_request()
    photos.add(other, [("Front", image())] * 6, by="Patient")

    stored = photos.add(mine, [("Front", image())], by="Patient")

    assert [each.request for each in stored] == [mine]


def test_what_was_wrong_is_told_even_when_the_files_cannot_be_taken_back(a_request, monkeypatch):
    def fails(self, name):
        raise OSError

    monkeypatch.setattr(type(storages["private"]), "delete", fails)

    with pytest.raises(ValidationError, match="6 photographs in all; 0 are here"):
        photos.add(a_request(), [("Front", image())] * 7, by="Patient")


# --- A new key --------------------------------------------------------------------------------


def test_a_photograph_that_got_a_new_file_meanwhile_is_read_from_that(a_request):
    (seen,) = photos.add(a_request(), [("Front", image())], by="Patient")
    before, plain = seen.stored_as, photos.read(seen)

    photos.StoredPhotos().renew([(seen.pk, before)])

    assert photos.read(seen) == plain
    assert storages["private"].listdir("")[1] == [seen.stored_as] != [before]
    sealed = storages["private"].open(seen.stored_as).read()
    assert Photo.objects.get().digest == hashlib.sha256(sealed).hexdigest()


def test_a_file_that_was_renewed_or_erased_meanwhile_is_left_alone(a_request):
    renewed, other, erased = (
        photos.add(a_request(), [("Front", image())], by="Patient")[0] for _ in range(3)
    )
    place, stale = photos.StoredPhotos(), a_file("stale.photo")
    sealed = storages["private"].open(renewed.stored_as).read()
    storages["private"].delete(stale)
    storages["private"].save(stale, ContentFile(sealed))
    photos.delete_file(erased)
    Photo.objects.filter(pk=erased.pk).delete()
    before = list(Photo.objects.values("stored_as", "digest"))

    place.renew([(erased.pk, erased.stored_as), (renewed.pk, stale)])

    assert list(Photo.objects.values("stored_as", "digest")) == before
    files_left = {renewed.stored_as, other.stored_as, stale}
    assert set(storages["private"].listdir("")[1]) == files_left


def test_a_file_that_is_missing_is_told_from_one_that_was_erased_or_renewed(a_request):
    (photo,) = photos.add(a_request(), [("Front", image())], by="Patient")
    place = photos.StoredPhotos()
    (key,) = place.keys(photo.pk, photo.stored_as)
    assert key is not None
    photos.delete_file(photo)

    assert place.keys(photo.pk, photo.stored_as) == [None]
    assert place.keys(photo.pk, "renewed.photo") == []
    assert place.keys(photo.pk + 1, photo.stored_as) == []


# --- Left over --------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [1, 2, 200])
def test_photographs_without_a_row_are_left_for_a_day_and_then_deleted(
    a_request, monkeypatch, at_once
):
    monkeypatch.setattr(photos, "AT_ONCE", at_once)
    photos.add(a_request(), [("Front", image())] * 2, by="Patient")
    known = set(Photo.objects.values_list("stored_as", flat=True))
    for number in range(3):
        a_file(f"{number}.photo")
    not_a_photograph = a_file("notes.txt")
    now = timezone.now()

    assert photos.delete_orphans(now + DAY - timedelta(minutes=1)) == 0
    assert photos.delete_orphans(now + DAY + timedelta(minutes=1)) == 3

    _, left = storages["private"].listdir("")
    assert set(left) == known | {not_a_photograph}


def test_without_a_single_photograph_nothing_is_left_over(settings, tmp_path):
    private = settings.STORAGES["private"]
    options = private["OPTIONS"] | {"location": str(tmp_path / "never made")}
    settings.STORAGES = settings.STORAGES | {"private": private | {"OPTIONS": options}}

    assert photos.delete_orphans() == 0

"""Patients' photographs: bare, encrypted, and only as many as they may send."""

import hashlib
import io
import os
import threading

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ValidationError
from django.db import connection
from PIL import Image

from consultations import photos
from consultations.models import ConsultationRequest, Event, Photo
from consultations.patient_page import private_link
from practice.encryption import DecryptionError
from tests import picture_files as files
from tests.pages import Page
from tests.picture_files import BLUE, RED, is_near, upload

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    """Where the encrypted files of this test lie."""
    private = settings.STORAGES["private"]
    options = private.get("OPTIONS", {}) | {"location": str(tmp_path)}
    settings.STORAGES = settings.STORAGES | {"private": private | {"OPTIONS": options}}
    return tmp_path


@pytest.fixture
def request_(a_request):
    return a_request()


@pytest.fixture
def send(client, request_):
    """`send(data, …)` uploads files on the private page, one for each view."""

    def send(*data, name="IMG_0001.JPG"):
        address = f"{private_link.path(request_)}photos/"
        given = {f"photos-view_{n}": upload(each, name) for n, each in enumerate(data)}
        return client.post(address, given)

    return send


def on_disk(folder):
    return [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]


def stored_picture(photo):
    return Image.open(io.BytesIO(photos.read(photo)))


# --- What is kept -----------------------------------------------------------------------------


def test_a_photograph_is_received_and_the_timeline_says_so(send, request_):
    response = send(files.plain((400, 300)))

    assert response.status_code == 302
    photo = request_.photos.get()
    assert (photo.view, photo.width, photo.height) == ("Front", 400, 300)
    event = request_.events.get(kind=Event.Kind.PHOTO)
    assert (event.by_name, event.summary) == ("Patient", "1 photograph added")


def test_the_views_are_those_that_the_procedure_asks_for(send, request_, procedure):
    ConsultationRequest.objects.update(procedure=procedure)

    send(files.plain(), files.plain(), files.plain())

    assert [photo.view for photo in request_.photos.all()] == [
        "From the front",
        "From the left",
        "Another photograph",
    ]
    assert request_.events.get(kind=Event.Kind.PHOTO).summary == "3 photographs added"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_place_camera_and_comment_are_gone(send, kind):
    send(files.from_a_phone(kind=kind))

    plain = photos.read(Photo.objects.get())
    assert [trace for trace in files.EVIDENCE if trace in plain] == []
    assert not Image.open(io.BytesIO(plain)).getexif()


def test_a_picture_taken_sideways_is_upright(send):
    send(files.from_a_phone(orientation=6))

    image = stored_picture(Photo.objects.get())
    assert image.size == (20, 40)
    assert is_near(image.getpixel((10, 5)), RED)
    assert is_near(image.getpixel((10, 35)), BLUE)


def test_what_hides_behind_a_picture_is_gone(send):
    send(files.plain() + b"PK\x03\x04 a hidden archive <script>")

    assert b"hidden" not in photos.read(Photo.objects.get())


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/cron.d/evil.jpg",
        "..\\..\\evil.jpg",
        "/etc/passwd.jpg",
        "a\x00.jpg",
        "Ada Patient.jpg",
        "x.php",
        "wrong.png",
    ],
    ids=ascii,
)
def test_the_name_that_a_patient_gave_is_not_used(send, folder, name):
    send(files.plain(), name=name)

    photo = Photo.objects.get()
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert [path.name for path in written] == [photo.stored_as]
    assert written[0].parent == folder
    assert photo.stored_as.endswith(".photo")
    assert "Ada" not in str(Photo.objects.values())


# --- Encryption -------------------------------------------------------------------------------


def test_what_lies_on_the_disk_is_no_picture(send, folder):
    send(files.plain((400, 300)))

    photo = Photo.objects.get()
    data = on_disk(folder)[0]
    for trace in (b"\xff\xd8\xff", b"JFIF", b"RIFF", b"PNG"):
        assert trace not in data
    assert photo.digest == hashlib.sha256(data).hexdigest()
    assert photo.bytes == len(photos.read(photo))
    assert stored_picture(photo).format == "JPEG"


def test_an_altered_file_is_not_shown(send, folder):
    send(files.plain())
    photo = Photo.objects.get()
    path = folder / photo.stored_as
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    with pytest.raises(DecryptionError):
        photos.read(photo)


def test_a_lost_file_is_said_to_be_unreadable(send, folder):
    send(files.plain())
    photo = Photo.objects.get()
    photos.delete_file(photo)

    assert on_disk(folder) == []
    with pytest.raises(DecryptionError):
        photos.read(photo)


def test_photographs_survive_a_new_key_and_not_the_loss_of_theirs(send, settings):
    send(files.plain())
    photo, new_key = Photo.objects.get(), Fernet.generate_key().decode()

    settings.FIELD_ENCRYPTION_KEYS = [new_key, *settings.FIELD_ENCRYPTION_KEYS]
    assert stored_picture(photo).size == (40, 20)

    settings.FIELD_ENCRYPTION_KEYS = [new_key]
    with pytest.raises(DecryptionError):
        photos.read(photo)


# --- What is refused --------------------------------------------------------------------------

REFUSED = {
    "a moving picture": (files.animated(), "a.gif", "not a picture we can read"),
    "an SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "a.svg", "not a picture we can read"),
    "half a picture": (files.plain((400, 400))[:700], "a.jpg", "damaged"),
    "text": (b"Hello", "a.jpg", "not a picture we can read"),
    "an AVIF": (files.plain(kind="AVIF"), "a.avif", "not a picture we can read"),
    "a bomb": (files.claiming(50_000, 50_000), "a.png", "more than 60 million pixels"),
    "an iPhone's own kind": (b"\0\0\0\x18ftypheic" + b"\0" * 90, "IMG_1.HEIC", "Most Compatible"),
    "a HEIF": (b"\0\0\0\x18ftypmif1" + b"\0" * 90, "img.heif", "Most Compatible"),
}


@pytest.mark.parametrize(("data", "name", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_used_is_said_beside_its_field(send, folder, data, name, message):
    response = send(data, name=name)

    page = Page(response)
    assert response.status_code == 422
    assert message in page.error_of("photos-view_0")
    assert not Photo.objects.exists()
    assert on_disk(folder) == []


def test_one_bad_picture_among_good_ones_stores_none_and_names_the_bad_one(send, folder):
    page = Page(send(files.plain(), b"Hello", files.plain()))

    assert page.error_of("photos-view_1")
    assert not page.error_of("photos-view_0")
    assert on_disk(folder) == []


def test_nothing_chosen_is_said_in_words(send):
    response = send()

    assert response.status_code == 422
    assert "Choose at least one photograph" in Page(response).text


def test_fifteen_megabytes_are_fine_and_a_byte_more_is_not(monkeypatch):
    assert photos.MAX_BYTES == 15 * 1024 * 1024
    data = files.plain()

    monkeypatch.setattr(photos, "MAX_BYTES", len(data))
    assert photos.checked(upload(data)).size == (40, 20)

    with pytest.raises(ValidationError, match="larger than"):
        photos.checked(upload(data + b"\0"))


# --- How many ---------------------------------------------------------------------------------


def image():
    return Image.new("RGB", (40, 20), "red")


def test_six_photographs_are_received_and_the_seventh_is_not(request_, folder):
    photos.add(request_, [("Front", image())] * 4, by="Patient")
    photos.add(request_, [("Front", image())] * 2, by="Patient")

    with pytest.raises(ValidationError, match="6 photographs in all; 6 are here already"):
        photos.add(request_, [("Front", image())], by="Patient")

    assert request_.photos.count() == len(on_disk(folder)) == 6
    assert request_.events.filter(kind=Event.Kind.PHOTO).count() == 2


def test_the_page_offers_as_many_fields_as_there_is_room(client, request_):
    photos.add(request_, [("Front", image())] * 5, by="Patient")
    assert client.get(private_link.path(request_)).content.count(b'type="file"') == 1

    photos.add(request_, [("Front", image())], by="Patient")
    assert client.get(private_link.path(request_)).content.count(b'type="file"') == 0


def asked_for(client, request_):
    """The views that the page asks for, by the names of their fields."""
    form = client.get(private_link.path(request_)).context["photo_form"]
    return {field.html_name: field.label for field in form}


def test_a_view_that_is_here_is_not_asked_for_again_and_no_other_is_dropped_for_it(
    client, request_, procedure
):
    procedure.photo_views = "\n".join(f"View {number}" for number in range(1, 7))
    procedure.save()
    ConsultationRequest.objects.update(procedure=procedure)

    photos.add(request_, [("View 1", image())], by="Patient")
    assert list(asked_for(client, request_).values()) == [f"View {n}" for n in range(2, 7)]

    photos.add(request_, [("View 3", image()), ("Another photograph", image())], by="Patient")
    assert list(asked_for(client, request_).values()) == ["View 2", "View 4", "View 5"]


def test_another_photograph_can_be_added_more_than_once(client, request_):
    photos.add(request_, [("Front", image()), ("Another photograph", image())], by="Patient")

    views = list(asked_for(client, request_).values())

    assert views == ["Left side", "Right side", "Another photograph"]


def test_a_page_opened_before_names_a_photograph_as_it_was_chosen(client, request_):
    front, left = list(asked_for(client, request_))[:2]
    address = f"{private_link.path(request_)}photos/"
    client.post(address, {front: upload(files.plain())})

    client.post(address, {left: upload(files.plain())})
    client.post(address, {front: upload(files.plain())})

    assert [photo.view for photo in request_.photos.all()] == ["Front", "Left side", "Front"]


@pytest.mark.django_db(transaction=True)
def test_two_uploads_at_once_do_not_get_past_the_limit(request_, folder):
    ready = threading.Barrier(2, timeout=20)
    refused = []

    def add():
        try:
            ready.wait()
            photos.add(request_, [("Front", image())] * 4, by="Patient")
        except ValidationError as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 1
    assert request_.photos.count() == len(on_disk(folder)) == 4


# --- When something fails ---------------------------------------------------------------------


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_files_of_a_transaction_that_fails_are_deleted(request_, folder, monkeypatch, error):
    def fail(*args, **kwargs):
        assert len(on_disk(folder)) == 2
        raise error

    monkeypatch.setattr(photos, "record", fail)

    with pytest.raises(error):
        photos.add(request_, [("Front", image()), ("Left side", image())], by="Patient")

    assert on_disk(folder) == []
    assert not Photo.objects.exists()


def test_a_full_disk_leaves_neither_rows_nor_files(request_, folder, monkeypatch):
    write = photos._write
    written = []

    def until_the_disk_is_full(*args):
        if written:
            raise OSError(28, os.strerror(28))
        written.append(write(*args))
        return written[0]

    monkeypatch.setattr(photos, "_write", until_the_disk_is_full)

    with pytest.raises(OSError, match="space"):
        photos.add(request_, [("Front", image()), ("Left side", image())], by="Patient")

    assert on_disk(folder) == []
    assert not Photo.objects.exists()

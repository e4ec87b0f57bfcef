"""Photographs in the admin: shown to those who may, decrypted one by one, every look recorded."""

import io

import pytest
from auditlog.models import LogEntry
from PIL import Image

from consultations import photos, triage
from consultations.timeline import PATIENT

REQUESTS = "/admin/consultations/consultationrequest/"


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    private = settings.STORAGES["private"]
    options = private.get("OPTIONS", {}) | {"location": str(tmp_path)}
    settings.STORAGES = settings.STORAGES | {"private": private | {"OPTIONS": options}}
    return tmp_path


@pytest.fixture
def row(a_request):
    return a_request()


@pytest.fixture
def photo(row):
    return photos.add(row, [("Front", Image.new("RGB", (1600, 800), "red"))], by=PATIENT)[0]


@pytest.fixture
def client(signed_in, coordinator):
    return signed_in(coordinator)


def address(photo):
    return f"{REQUESTS}{photo.request_id}/photo/{photo.pk}/"


def test_the_page_lists_each_with_its_view_and_a_link(client, row, photo):
    shown = client.get(f"{REQUESTS}{row.pk}/change/").content.decode()
    assert f'href="{address(photo)}"' in shown
    assert "<span>Front</span>" in shown


def test_a_photograph_is_served_decrypted_and_kept_nowhere(client, photo):
    response = client.get(address(photo))
    assert response["Content-Type"] == "image/jpeg"
    assert "no-store" in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Disposition"] == f'inline; filename="photograph-{photo.pk}.jpg"'
    assert Image.open(io.BytesIO(response.content)).size == (1600, 800)


def test_the_list_loads_a_small_copy(client, photo):
    response = client.get(address(photo), {"size": "small"})
    assert Image.open(io.BytesIO(response.content)).size == (480, 240)


def test_every_look_is_recorded_with_the_request(client, row, photo, coordinator):
    client.get(address(photo))
    entry = LogEntry.objects.get_for_object(row).get(action=LogEntry.Action.ACCESS)
    assert entry.actor == coordinator
    assert entry.additional_data == {"looked_at": f"photograph {photo.pk}"}
    shown = client.get(f"{REQUESTS}{row.pk}/change/")
    assert [each["times"] for each in shown.context["lookers"]] == [1]


@pytest.mark.parametrize("damage", ["altered", "gone"])
def test_a_damaged_file_is_told_plainly(client, photo, folder, damage):
    file = next(path for path in folder.rglob("*.photo"))
    file.unlink() if damage == "gone" else file.write_bytes(b"something else")
    response = client.get(address(photo))
    assert response.status_code == 410
    assert "altered or is missing" in response.content.decode()


def test_another_request_s_photograph_is_not_found(client, photo, a_request):
    other = a_request()
    assert client.get(f"{REQUESTS}{other.pk}/photo/{photo.pk}/").status_code == 404


def test_those_without_requests_see_none(signed_in, editor, auditor, photo):
    assert signed_in(editor).get(address(photo)).status_code == 403
    assert signed_in(auditor).get(address(photo)).status_code == 403


def test_photographs_of_a_merged_request_are_shown_with_its_reference(
    client, row, photo, a_request, coordinator
):
    original = a_request()
    triage.merge(row, original, by=coordinator)
    shown = client.get(f"{REQUESTS}{original.pk}/change/").content.decode()
    assert address(photo) in shown
    assert f"from {row.reference}" in shown

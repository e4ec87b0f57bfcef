"""A legal hold is on a matter: it keeps whatever was merged into one, in either direction."""

from datetime import timedelta

import pytest
from django.utils import timezone
from PIL import Image

from consultations import photos, privacy, triage
from consultations.choices import CloseReason, Status
from consultations.data_rights import retention_preview
from consultations.models import ConsultationRequest
from consultations.patient_page import consent_changes

pytestmark = pytest.mark.django_db
REQUESTS = "/admin/consultations/consultationrequest/"
LONG_AGO = timezone.now() - timedelta(days=5000)
OVER = {
    "status": Status.CLOSED,
    "close_reason": CloseReason.NO_REPLY,
    "closed_at": LONG_AGO,
    "received_at": LONG_AGO,
}


def held(row):
    ConsultationRequest.objects.filter(pk=row.pk).update(legal_hold=True)
    return ConsultationRequest.objects.get(pk=row.pk)


@pytest.fixture
def matter(a_request):
    """(the original, two requests merged into it), all of which are over since long."""
    original = a_request(**OVER)
    merged = [
        a_request(status=Status.DUPLICATE, duplicate_of=original, received_at=LONG_AGO)
        for _ in range(2)
    ]
    return original, *merged


@pytest.mark.parametrize("which", [0, 1, 2], ids=["the original", "a duplicate", "the other"])
def test_a_hold_on_one_keeps_the_whole_matter_from_retention(matter, a_request, which):
    a_request(**OVER)
    held(matter[which])

    privacy.apply_retention()

    assert set(ConsultationRequest.objects.all()) == set(matter)


def test_without_a_hold_it_all_goes(matter):
    privacy.apply_retention()

    assert not ConsultationRequest.objects.exists()


@pytest.mark.parametrize("which", [0, 1], ids=["the original", "a duplicate"])
@pytest.mark.parametrize("erased", [0, 1, 2], ids=["original", "duplicate", "other duplicate"])
@pytest.mark.parametrize("erase", [privacy.erase, privacy.erase_person])
def test_nothing_of_the_matter_is_erased_by_hand(matter, which, erased, erase):
    held(matter[which])

    with pytest.raises(privacy.Held):
        erase(matter[erased], reason="Asked for it", by="Maria")

    assert ConsultationRequest.objects.count() == 3


def test_a_merge_that_was_undone_frees_the_other(matter, coordinator):
    _, duplicate, _ = matter
    held(duplicate)
    triage.unmerge(ConsultationRequest.objects.get(pk=duplicate.pk), by=coordinator)

    privacy.apply_retention()

    assert list(ConsultationRequest.objects.all()) == [duplicate]


def test_where_nothing_is_merged_a_hold_keeps_one_alone(a_request):
    one, _ = held(a_request(**OVER)), a_request(**OVER)

    privacy.apply_retention()

    assert list(ConsultationRequest.objects.all()) == [one]


@pytest.mark.parametrize("which", [0, 2], ids=["the original", "the other duplicate"])
def test_photographs_are_kept_as_well(matter, which):
    _, duplicate, _ = matter
    photos.add(duplicate, [("Front", Image.new("RGB", (40, 30)))], by="Patient")
    held(matter[which])

    with pytest.raises(privacy.Held):
        consent_changes.take_back_photographs(duplicate)

    assert duplicate.photos.count() == 1


# --- What managers are told -------------------------------------------------------------------


def test_the_preview_lists_the_hold_and_announces_none_of_the_matter(matter):
    held(matter[1])

    found = retention_preview.preview()

    assert (found.number, found.requests) == (0, [])
    assert found.held == [matter[1]]


def test_the_pages_name_the_one_that_the_hold_is_on(matter, signed_in, manager):
    original, duplicate, _ = matter
    held(duplicate)
    client = signed_in(manager)

    for path in ("change/", "erase/"):
        page = client.get(f"{REQUESTS}{original.pk}/{path}").content.decode()
        assert f"legal hold is on {duplicate.reference}" in page
    assert "Erase now" not in page


def test_a_hold_put_on_a_moment_ago_is_told_to_who_erases(matter, signed_in, manager):
    original, duplicate, _ = matter
    client = signed_in(manager)
    client.get(f"{REQUESTS}{original.pk}/erase/")
    held(duplicate)

    sent = {"reason": "Another legal reason", "reference": original.reference}
    answer = client.post(f"{REQUESTS}{original.pk}/erase/", sent)

    assert answer.status_code == 400
    assert f"legal hold is on {duplicate.reference}" in answer.content.decode()
    assert ConsultationRequest.objects.count() == 3

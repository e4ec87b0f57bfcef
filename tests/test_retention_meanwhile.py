"""What retention and erasure owe to a colleague who works on the same request meanwhile."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from consultations import privacy, triage
from consultations.choices import CloseReason, Status
from consultations.models import ConsultationRequest, ErasureReceipt

pytestmark = pytest.mark.django_db
LONG_AGO = timezone.now() - timedelta(days=4000)
CLOSED = {"status": Status.CLOSED, "close_reason": CloseReason.NO_REPLY}


@pytest.mark.parametrize(
    ("was", "to"),
    [
        (CLOSED | {"closed_at": LONG_AGO}, Status.IN_CONTACT),
        ({"status": Status.SPAM, "received_at": LONG_AGO}, Status.NEW),
    ],
    ids=["closed", "spam"],
)
def test_what_is_taken_up_again_since_the_list_was_read_stays(a_request, coordinator, was, to):
    _, second, _ = (a_request(**was) for _ in range(3))
    asked = []

    def taken_up_before_the_second():
        asked.append(1)
        if len(asked) == 2:
            triage.move(ConsultationRequest.objects.get(pk=second.pk), to, by=coordinator)
        return True

    privacy.apply_retention(goes_on=taken_up_before_the_second)

    assert list(ConsultationRequest.objects.all()) == [second]
    assert ErasureReceipt.objects.count() == 2


def test_a_duplicate_stays_when_its_original_is_taken_up_again(a_request, coordinator):
    original = a_request(**CLOSED, closed_at=LONG_AGO)
    a_request(status=Status.DUPLICATE, duplicate_of=original, received_at=LONG_AGO)

    def taken_up():
        row = ConsultationRequest.objects.get(pk=original.pk)
        if row.status == Status.CLOSED:
            triage.move(row, Status.IN_CONTACT, by=coordinator)
        return True

    privacy.apply_retention(goes_on=taken_up)

    assert ConsultationRequest.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_nobody_takes_it_up_between_the_last_look_and_the_erasure(
    a_request, coordinator, monkeypatch
):
    row = a_request(**CLOSED, closed_at=LONG_AGO)
    seen, erase, said = ConsultationRequest.objects.get(pk=row.pk), privacy.erase, []

    def take_up():
        try:
            triage.move(seen, Status.IN_CONTACT, by=coordinator)
        except triage.TriageError as error:
            said.append(str(error))
        finally:
            connections.close_all()

    def late(request, **details):
        pool.submit(take_up)
        time.sleep(0.5)  # Long enough for it, if nothing held it up.
        return erase(request, **details)

    monkeypatch.setattr(privacy, "erase", late)
    with ThreadPoolExecutor(1) as pool:
        privacy.apply_retention()

    assert not ConsultationRequest.objects.exists()
    assert said == ["This request no longer exists. Nothing was changed."]


@pytest.mark.django_db(transaction=True)
def test_what_is_merged_while_a_person_is_erased_is_refused_and_not_left_behind(
    a_request, coordinator, monkeypatch
):
    original, another = a_request(), a_request()
    erase, said = privacy.erase, []

    def merge():
        try:
            triage.merge(another, original, by=coordinator)
        except triage.TriageError as error:
            said.append(str(error))
        finally:
            connections.close_all()

    def late(request, **details):
        pool.submit(merge)  # By now what was merged into it has been read.
        time.sleep(0.5)
        return erase(request, **details)

    monkeypatch.setattr(privacy, "erase", late)
    with ThreadPoolExecutor(1) as pool:
        privacy.erase_person(original, reason="Asked for it", by="Maria")

    assert said == [f"{original.reference} no longer exists. Nothing was changed."]
    assert [row.status for row in ConsultationRequest.objects.all()] == [Status.NEW]

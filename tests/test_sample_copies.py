"""A full database for measuring: copies that are as whole as what they were copied from."""

import pytest
from django.core.management import call_command
from django.utils import timezone

from consultations import triage
from consultations.choices import Status
from consultations.models import ConsultationRequest, ContactAttempt, Event
from consultations.sample_copies import copy_finished

pytestmark = pytest.mark.django_db


@pytest.fixture
def finished(a_request, coordinator):
    row = a_request(message='Tabs\there, a back\\slash,\n"quotes" and a second line.')
    triage.record_contact(row, "call", "reached", by=coordinator, note="Called at once.")
    triage.move(row, Status.CLOSED, by=coordinator, reason="referred")
    return row


def test_each_copy_has_its_own_reference_and_a_whole_timeline(practice, finished):
    list(copy_finished(25, seed=1))

    copies = ConsultationRequest.objects.exclude(pk=finished.pk)
    assert copies.count() == 25
    assert copies.values("reference").distinct().count() == 25
    for copy in copies:
        assert copy.message == finished.message
        assert copy.status == Status.CLOSED
        assert copy.close_reason == "referred"
        assert copy.received_at <= timezone.now()
        assert copy.closed_at - copy.received_at == finished.closed_at - finished.received_at
        assert [e.kind for e in copy.events.all()] == [e.kind for e in finished.events.all()]
        contact = copy.contacts.get()
        assert contact.event.request_id == copy.pk
        assert contact.event.note == "Called at once."


def test_many_copies_are_all_there_with_all_their_parts(practice, finished):
    list(copy_finished(1_100))

    assert ConsultationRequest.objects.count() == 1_101
    assert Event.objects.count() == 1_101 * finished.events.count()
    assert ContactAttempt.objects.count() == 1_101


def test_after_copying_new_rows_get_keys_of_their_own(practice, finished, a_request, coordinator):
    list(copy_finished(3))

    row = a_request()
    triage.record_contact(row, "call", "no_answer", by=coordinator)

    assert ConsultationRequest.objects.count() == 5
    assert ContactAttempt.objects.count() == 5
    assert Event.objects.filter(request=row).count() == 3


def test_open_requests_are_not_copied(practice, a_request, finished):
    a_request()

    list(copy_finished(10))

    assert ConsultationRequest.objects.open().count() == 1


def test_a_small_number_is_invented_one_by_one(practice, coordinator):
    call_command("load_sample_requests", count=20, verbosity=0)

    assert ConsultationRequest.objects.count() == 20

"""A full database for measuring: copies that are as whole as what they were copied from."""

import pytest
from django.core.management import call_command
from django.db import connection, models, transaction
from django.utils import timezone

from consultations import search_words, triage
from consultations.choices import Status
from consultations.models import ConsultationRequest, ContactAttempt, Event
from consultations.samples.sample_copies import copy_finished
from consultations.search_words import SearchWord

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


def words_by_request():
    found = {}
    for pk, word in SearchWord.objects.values_list("request", "word"):
        found.setdefault(pk, set()).add(word)
    return found


@pytest.mark.parametrize(
    "named",
    [
        {},
        {"preferred_name": "Sam"},
        {"guardian_name": "Ada Sample", "is_under_18": True},
        {"phone": ""},
    ],
    ids=["as it is", "with a preferred name", "with a guardian", "without a number"],
)
def test_a_copy_is_another_person_who_is_found_by_all_that_names_them(practice, finished, named):
    for name, value in named.items():
        setattr(finished, name, value)
    finished.save()

    list(copy_finished(60, seed=1))

    words = words_by_request()
    copies = ConsultationRequest.objects.exclude(pk=finished.pk)
    for copy in copies:
        assert words[copy.pk] == search_words.words_of(copy)
        assert copy.full_name != finished.full_name
        for name in ("preferred_name", "guardian_name", "phone"):
            assert bool(str(getattr(copy, name))) == bool(str(getattr(finished, name))), name
    assert len({copy.email for copy in copies}) == 60
    assert {copy.submission_token for copy in copies}.isdisjoint([finished.submission_token])
    dates = SearchWord.objects.exclude(received_at=models.F("request__received_at"))
    assert not dates.exists()


def test_copies_are_stored_in_the_order_in_which_they_came_in(practice, finished):
    list(copy_finished(50, seed=1))

    moments = ConsultationRequest.objects.exclude(pk=finished.pk).order_by("pk")
    moments = list(moments.values_list("received_at", flat=True))
    assert moments == sorted(moments)
    assert len(set(moments)) > 40


def test_a_seed_copies_the_same_people(practice, finished):
    def copied():
        with transaction.atomic():
            list(copy_finished(10, seed=7))
            rows = ConsultationRequest.objects.exclude(pk=finished.pk).order_by("pk")
            found = list(rows.values_list("reference", "full_name", "phone"))
            transaction.set_rollback(True)
        return found

    assert copied() == copied()


def test_nothing_is_left_of_the_copying_itself(practice, finished):
    list(copy_finished(3))
    list(copy_finished(3))
    list(copy_finished(0))

    assert ConsultationRequest.objects.count() == 7
    assert "person_word" not in connection.introspection.table_names()


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

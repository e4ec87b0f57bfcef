"""Rows that are stored past the ORM are the rows that the ORM would have stored."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from post_office.models import Email

from consultations.models import Consent, ConsultationRequest, Event
from consultations.search_words import SearchWord
from practice.sql.inserts import insert

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 16, 16, tzinfo=UTC)
PROCESSES = {"created", "last_updated"}  # Set to the moment of storing.


def a_request(number):
    return ConsultationRequest(
        full_name=f"Patient {number}",
        email="ada@example.com",
        phone="(512) 555-0142",
        message="It hurts: “here” & <there>. 100 % {sure}",
        received_at=AT,
        suspicions=["Holds many links."],
        link_digest=f"{number}",
    )


def stored(row):
    """What the database has of it, but for what tells two rows apart."""
    found = type(row).objects.filter(pk=row.pk).values().get()
    apart = {"id", "reference", "submission_token", "message", "full_name", "link_digest"}
    return {name: value for name, value in found.items() if name not in apart | PROCESSES}


def rows_for(request):
    """One of each kind that comes with a request."""
    return [
        Consent(request=request, kind="text", version="1", wording="W", is_given=True, at=AT),
        Event(request=request, kind="noted", at=AT, details={"emails": [1]}, note="N"),
        Email(from_email="a@example.com", to=["b@example.com"], headers={"X-A": "b"}, status=2),
        SearchWord(request=request, word="ada", received_at=AT),
    ]


def test_a_request_is_stored_as_the_orm_would(practice):
    by_orm, by_hand = a_request(1), a_request(2)
    by_orm.save()

    insert([by_hand])

    assert stored(by_hand) == stored(by_orm)
    again = ConsultationRequest.objects.get(pk=by_hand.pk)
    assert (again.message, again.full_name) == (by_hand.message, "Patient 2")
    assert (again.phone, again.reference) == (by_orm.phone, by_hand.reference)


def test_what_comes_with_a_request_is_stored_as_the_orm_would(practice):
    requests = [a_request(1), a_request(2)]
    for request in requests:
        insert([request])
    by_orm, by_hand = map(rows_for, requests)
    for one, other in zip(by_orm, by_hand, strict=True):
        one.save()
        insert([other])
        same = stored(one) | {"request_id": None, "note": None}
        assert stored(other) | {"request_id": None, "note": None} == same


def test_rows_of_the_last_list_get_their_keys_in_order(practice):
    request = a_request(1)
    insert([request])
    words = [SearchWord(request=request, word=word, received_at=AT) for word in "abc"]
    events = [Event(request=request, kind="noted", at=AT, summary=text) for text in "xyz"]

    insert(words, [], events)

    assert set(SearchWord.objects.values_list("word", flat=True)) == set("abc")
    assert [Event.objects.get(pk=each.pk).summary for each in events] == list("xyz")
    assert not any(each._state.adding for each in events)


def test_nothing_to_store_asks_nothing(db):
    with CaptureQueriesContext(connection) as captured:
        insert()
        insert([], [])

    assert not captured.captured_queries


def test_when_one_list_is_refused_none_is_stored(practice):
    request = a_request(1)
    insert([request])
    twice = [SearchWord(request=request, word="a", received_at=AT) for _ in range(2)]
    event = Event(request=request, kind="noted", at=AT)

    with pytest.raises(IntegrityError), transaction.atomic():
        insert([event], twice)

    assert not Event.objects.exists()
    assert not SearchWord.objects.exists()

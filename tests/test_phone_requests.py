"""A request that came by phone or by referral, entered by staff: who may, and what is stored."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from auditlog.models import LogEntry
from django.db import DatabaseError
from post_office.models import Email

from consultations import audit, intake, search_words, timeline, triage
from consultations.figures import reports
from consultations.models import Consent, ConsultationRequest, Event
from consultations.search_words import SearchWord
from tests.pages import Page
from tests.phone_desk import ADD, NOW, REQUESTS, enter, stored, typed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def ten_o_clock():
    """Sessions begin now, so that nobody is signed out by the time of these tests."""
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def client(practice, signed_in, coordinator):
    return signed_in(coordinator)


# --- Who may --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("Coordinator", True),
        ("Manager", True),
        ("Surgeon", True),
        ("Editor", False),
        ("Auditor", False),
    ],
)
def test_who_answers_the_phone_may_enter_a_request_and_nobody_else(
    practice, signed_in, staff, role, may
):
    client = signed_in(staff(role, "somebody"))

    assert client.get(ADD).status_code == (200 if may else 403)
    assert enter(client).status_code == (302 if may else 403)
    assert ConsultationRequest.objects.exists() == may
    inbox = client.get(REQUESTS)
    assert ("Enter a phone request" in inbox.content.decode()) == may


def test_nobody_enters_anything_without_signing_in(practice, client):
    client.logout()

    assert enter(client).status_code == 302
    assert not ConsultationRequest.objects.exists()


def test_who_may_only_look_enters_nothing(practice, signed_in, staff, django_user_model):
    from django.contrib.auth.models import Permission

    user = django_user_model.objects.create_user("looker", "l@example.com", "x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_consultationrequest"))
    client = signed_in(user)

    assert enter(client).status_code == 403
    assert "Enter a phone request" not in client.get(REQUESTS).content.decode()


def test_a_surgeon_takes_it_or_passes_it_on(signed_in, surgeon_user, surgeon):
    client = signed_in(surgeon_user)
    assert Page(client.get(ADD)).fields["surgeon"] == str(surgeon.pk)

    passed_on = client.post(ADD, typed(surgeon=""), follow=True)
    assert "The coordinators have it in their inbox." in passed_on.content.decode()
    assert passed_on.redirect_chain[0][0] == REQUESTS

    own = client.post(ADD, typed(surgeon=str(surgeon.pk), full_name="Dee"))
    assert (
        own["Location"]
        == f"{REQUESTS}{ConsultationRequest.objects.get(surgeon=surgeon).pk}/change/"
    )


# --- What is stored -------------------------------------------------------------------------


def test_a_call_is_one_row_with_everything_that_belongs_to_it(client, coordinator, procedure):
    response = enter(client, procedure=str(procedure.pk), interpreter_language="Spanish")

    row = stored()
    assert response["Location"] == f"{REQUESTS}{row.pk}/change/"
    assert (row.full_name, row.email, row.phone.as_e164) == ("Cal Caller", "", "+15125550142")
    assert (row.origin, row.status, row.owner, row.suspicions) == ("phone", "new", None, [])
    assert (row.procedure, row.interpreter_language) == (procedure, "Spanish")
    assert row.message == "The scar pulls when she smiles."
    assert row.received_at == datetime(2026, 11, 16, 15, 40, tzinfo=UTC)
    received = row.events.get()
    assert (received.kind, received.by, received.at) == ("received", coordinator, row.received_at)
    assert received.summary == "Phone call, entered by staff"
    assert SearchWord.objects.filter(request=row, word="caller").exists()


def test_what_was_said_is_ciphertext_in_the_database(client):
    enter(client)

    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT message FROM consultations_consultationrequest")
        assert "scar" not in cursor.fetchone()[0]


def test_no_word_of_it_is_in_addresses_messages_or_the_audit_trail(client):
    response = client.post(ADD, typed(email="cal@example.com"), follow=True)

    said = "scar pulls"
    assert said not in response.redirect_chain[0][0]
    assert not any(said in str(message) for message in response.context["messages"])
    assert not any(said in str(entry.changes) for entry in LogEntry.objects.all())
    assert not any(said in mail.message + mail.html_message for mail in Email.objects.all())
    assert not any(said in event.summary for event in Event.objects.all())


def test_entering_is_in_the_audit_trail_without_a_word_about_the_person(client, coordinator):
    enter(client)

    entry = LogEntry.objects.get(action=LogEntry.Action.CREATE, object_repr=stored().reference)
    assert entry.actor == coordinator
    assert entry.changes_dict == {"origin": ["None", "phone"]}


def test_a_referral_says_who_referred(client):
    enter(client, origin="referral", referred_by="Dr. Ray\r\nAway")

    row = stored()
    assert (row.origin, row.referred_by) == ("referral", "Dr. Ray Away")
    shown = Page(client.get(f"{REQUESTS}{row.pk}/change/")).text
    assert "Referral, by Dr. Ray Away" in shown
    assert "Referral" in Page(client.get(REQUESTS)).text


def test_who_referred_is_dropped_where_it_was_a_call(client):
    enter(client, referred_by="Dr. Ray Away")

    assert stored().referred_by == ""


def test_several_texts_of_the_same_words_are_no_spam(client):
    enter(client, message="Buy now http://a.example http://b.example http://c.example casino")

    assert (stored().status, stored().suspicions) == ("new", [])


def test_who_takes_it_owns_it_and_the_timeline_says_so(client, coordinator):
    enter(client, is_taken="on")

    row = stored()
    assert row.owner == coordinator
    assert row.events.get(kind="assigned").summary == f"Claimed by {coordinator}"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (search_words, "rows_of"),
        (intake, "_spoken_consents"),
        (audit, "entered"),
        (timeline, "line"),
        (triage, "claim"),
        (triage, "record_contact"),
        (intake.notifications, "tell_entered"),
    ],
)
def test_when_any_part_fails_nothing_is_stored(client, monkeypatch, module, name):
    def broken(*args, **kwargs):
        raise DatabaseError

    monkeypatch.setattr(module, name, broken)
    with pytest.raises(DatabaseError):
        enter(client, email="cal@example.com", is_taken="on", first_reply="spoke")
    for model in (ConsultationRequest, SearchWord, Consent, Event, Email):
        assert not model.objects.exists(), model


# --- When it came in ------------------------------------------------------------------------


def test_it_came_in_just_now_unless_somebody_says_otherwise(client):
    assert Page(client.get(ADD)).fields["received_at"] == "2026-11-16T10:00"


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("2026-11-16T10:00", None),
        ("2026-11-16T10:01", "This is in the future."),
        ("2026-11-02T10:00", None),
        ("2026-11-02T09:59", "more than 14 days ago"),
        ("", "Enter when it came in."),
        ("yesterday", "Enter the day and the time"),
    ],
)
def test_it_came_in_within_fourteen_days_and_not_in_the_future(client, when, why):
    response = enter(client, received_at=when)

    if why is None:
        assert response.status_code == 302
    else:
        assert response.status_code == 400
        assert why in Page(response).error_of("received_at")
        assert not ConsultationRequest.objects.exists()


def test_the_time_is_the_practice_s_even_across_a_change_of_the_clocks(client):
    with time_machine.travel(datetime(2026, 11, 5, 16, tzinfo=UTC), tick=False):
        enter(client, received_at="2026-10-30T09:40")  # Summer time until November 1.

    assert stored().received_at == datetime(2026, 10, 30, 14, 40, tzinfo=UTC)


def test_a_call_that_was_typed_later_says_when(client):
    enter(client, received_at="2026-11-13T09:40")

    event = stored().events.get()
    assert event.at == stored().received_at
    words = event.summary.replace("\N{NO-BREAK SPACE}", " ")
    assert words == "Phone call, entered by staff on Monday, November 16 at 10:00 AM"


# --- The clock ------------------------------------------------------------------------------


def test_who_still_has_to_be_called_back_waits_since_they_called(client):
    enter(client, received_at="2026-11-13T16:00")  # Friday, an hour before closing.

    row = stored()
    assert row.is_awaiting_first_response
    assert row.respond_by == datetime(2026, 11, 16, 18, tzinfo=UTC)  # 4 working hours on.
    assert ConsultationRequest.objects.awaiting_first_response().get() == row


def test_a_call_that_waited_over_the_promise_is_late_at_once(client):
    enter(client, received_at="2026-11-12T09:00")

    assert ConsultationRequest.objects.late().get() == stored()


def test_who_was_spoken_to_has_had_the_first_reply_when_they_called(client, coordinator):
    enter(client, first_reply="spoke", received_at="2026-11-13T16:00")

    row = stored()
    assert row.status == "in_contact"
    assert row.first_response_at == row.last_contact_at == row.received_at
    assert row.response_minutes == 0
    event = row.events.get(kind="contacted")
    assert (event.by, event.at) == (coordinator, row.received_at)
    assert event.summary == "Phone call: The patient called us"
    assert (event.contact.channel, event.contact.outcome) == ("call", "reached")


def test_who_was_referred_and_called_since_was_reached_now(client):
    enter(
        client,
        origin="referral",
        referred_by="Dr. Ray Away",
        first_reply="spoke",
        received_at="2026-11-16T09:00",
    )

    row = stored()
    assert row.first_response_at == NOW
    assert row.response_minutes == 60
    assert row.events.get(kind="contacted").summary == "Phone call: Reached the patient"
    assert row.consents.get().at == NOW


def test_without_opening_hours_nothing_is_promised_and_nothing_lost(client, location):
    location.hours.all().delete()

    assert enter(client).status_code == 302
    assert stored().respond_by is None


# --- Figures --------------------------------------------------------------------------------


def test_reports_count_calls_and_referrals_by_source(client, a_request):
    a_request()
    enter(client)
    enter(client, origin="referral", referred_by="Dr. Ray Away", full_name="Dee")

    counted = dict(reports.by_origin(NOW - timedelta(days=30)))
    assert counted == {"Elsewhere on the website": 1, "Phone call": 1, "Referral": 1}

"""How a request comes in: everything at once, and once only."""

import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import DatabaseError, connection
from django.test import Client
from post_office.models import Email

from consultations import intake, notifications, search_words, spam, timeline
from consultations.consents import ON_THE_FORM
from consultations.models import Consent, ConsultationRequest, Event, SubmissionCount
from consultations.samples.sample_requests import BestTime, ContactMethod
from consultations.search_words import SearchWord

pytestmark = pytest.mark.django_db

RECEIVED = datetime(2026, 11, 16, 16, tzinfo=UTC)  # Monday 10:00 in Chicago.
TICKED = ["consent_health_data", "may_leave_voicemail"]


def cleaned(**changes):
    """A patient's answers as the form hands them over."""
    return {
        "full_name": "Ada Patient",
        "preferred_name": "Ada",
        "email": "ada@example.com",
        "phone": "+15125550142",
        "is_under_18": False,
        "guardian_name": "",
        "guardian_relationship": "",
        "procedure": None,
        "surgeon": None,
        "message": "My nose is blocked.",
        "contact_method": ContactMethod.PHONE,
        "best_time": BestTime.ANY,
        "interpreter_language": "",
        "may_leave_voicemail": True,
        "may_text": False,
    } | changes


def send(token=None, consents=TICKED, after=timedelta(), more=None, **changes):
    with time_machine.travel(RECEIVED + after, tick=False):
        return intake.submit(
            cleaned(**changes),
            token=token or uuid.uuid4(),
            origin="website",
            consents=consents,
            **more or {},
        )


# --- One send ---------------------------------------------------------------------------------


def test_one_send_is_one_row_with_everything_that_belongs_to_it(practice):
    request, is_new = send()

    assert is_new
    stored = ConsultationRequest.objects.get()
    assert stored == request
    assert {name: getattr(stored, name) for name in cleaned()} == cleaned()
    assert (stored.status, stored.origin, stored.suspicions) == ("new", "website", [])
    assert stored.received_at == RECEIVED
    assert stored.respond_by == RECEIVED + timedelta(hours=4)
    assert stored.events.get(kind=Event.Kind.RECEIVED).by_name == "Patient"
    assert sorted(mail.to for mail in Email.objects.all()) == [
        ["ada@example.com"],
        ["hello@example.com"],
    ]


def test_the_timeline_begins_when_the_request_was_received(practice):
    request, _ = send()

    event = request.events.first()
    assert (event.kind, event.at, event.to_status) == ("received", RECEIVED, "new")


@pytest.mark.parametrize(
    "given", [[], ["consent_health_data"], [each.field for each in ON_THE_FORM]], ids=len
)
def test_every_consent_is_stored_as_it_was_worded_given_or_not(practice, given):
    request, _ = send(consents=given)

    assert [
        (consent.kind, consent.version, consent.wording, consent.is_given, consent.at)
        for consent in request.consents.all()
    ] == [(w.kind, w.version, w.text, w.field in given, RECEIVED) for w in ON_THE_FORM]


def test_the_version_of_the_page_that_was_read_is_stored(procedure):
    request, _ = send(procedure=procedure, more={"procedure_version": 7})

    assert request.procedure_version == 7


def test_a_practice_without_hours_receives_requests_and_promises_nothing(practice, location):
    location.hours.all().delete()

    request, _ = send()

    assert request.respond_by is None


def test_a_site_that_nobody_has_filled_in_receives_requests_all_the_same(db):
    request, _ = send()

    assert ConsultationRequest.objects.get() == request


# --- Sending again ----------------------------------------------------------------------------


def test_the_same_form_sent_again_is_the_first_request(practice):
    token = uuid.uuid4()
    first, _ = send(token)

    again, is_new = send(token, after=timedelta(days=3))

    assert (again, is_new) == (first, False)
    assert (Email.objects.count(), Consent.objects.count()) == (2, len(ON_THE_FORM))


@pytest.mark.parametrize(
    "after",
    [timedelta(), timedelta(minutes=1), timedelta(minutes=29, seconds=59)],
    ids=["at once", "a minute later", "at the last second"],
)
def test_back_and_send_again_is_the_first_request(practice, after):
    first, _ = send()

    again, is_new = send(after=after)

    assert (again, is_new) == (first, False)
    assert ConsultationRequest.objects.count() == 1


def test_the_same_answers_half_an_hour_later_are_a_new_request(practice):
    first, _ = send()

    later, is_new = send(after=timedelta(minutes=30))

    assert is_new
    assert later.resembles == first


CHANGED = {
    "full_name": "Ada B. Patient",
    "preferred_name": "",
    "email": "ada@example.org",
    "phone": "+15125550143",
    "is_under_18": True,
    "guardian_name": "Grace",
    "guardian_relationship": "Mother",
    "message": "My nose is blocked!",
    "contact_method": ContactMethod.EMAIL,
    "best_time": BestTime.MORNING,
    "interpreter_language": "Spanish",
    "may_leave_voicemail": False,
    "may_text": True,
}


@pytest.mark.parametrize("token", [None, uuid.uuid4()], ids=["fresh form", "page kept by Back"])
@pytest.mark.parametrize("change", CHANGED.items(), ids=CHANGED.keys())
def test_any_changed_answer_makes_a_new_request_that_points_at_the_first(practice, change, token):
    first, _ = send(token)

    second, is_new = send(token, after=timedelta(minutes=1), **dict([change]))

    assert is_new
    assert second != first
    assert second.resembles == first
    assert second.events.first().details == {"resembles": first.reference}


def test_another_procedure_or_surgeon_makes_a_new_request(practice, procedure, surgeon):
    sent = [send(), send(procedure=procedure), send(surgeon=surgeon)]

    assert [is_new for _, is_new in sent] == [True] * 3


def test_spaces_around_an_answer_are_no_change(practice):
    send()

    assert send(message="  My nose is blocked.\n")[1] is False


# --- The same person --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "is_the_same"),
    [
        ({"email": "ADA@Example.com", "phone": ""}, True),
        ({"email": "other@example.com"}, True),
        ({"email": "other@example.com", "phone": "+15125550199"}, False),
        ({"email": "other@example.com", "phone": ""}, False),
    ],
    ids=["same address, other case", "same phone", "neither", "no phone is nobody's phone"],
)
def test_who_has_asked_before_is_linked_and_never_rejected(practice, changes, is_the_same):
    first, _ = send()
    send(email="nobody@example.com", phone="", full_name="Nobody")

    second, is_new = send(message="Something else.", **changes)

    assert is_new
    assert second.resembles == (first if is_the_same else None)


@pytest.mark.parametrize("status", ["spam", "quarantined"])
def test_nobody_is_linked_to_spam(practice, a_request, status):
    a_request(email="ada@example.com", status=status)

    assert send()[0].resembles is None


# --- All or nothing ---------------------------------------------------------------------------

STORED = (ConsultationRequest, SearchWord, Consent, Email, Event)


def refused(model):
    """Makes the database refuse to store rows of this model."""

    def refuse(execute, sql, *rest):
        if f'INSERT INTO "{model._meta.db_table}"' in sql:
            raise DatabaseError
        return execute(sql, *rest)

    return refuse


def nothing_is_stored():
    return not any(model.objects.exists() for model in STORED)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (intake.spam, "suspicions"),
        (intake, "_consents"),
        (search_words, "rows_of"),
        (timeline, "line"),
        (notifications, "_staff_received"),
        (notifications, "line"),
    ],
    ids=["screening", "consents", "search words", "the first event", "the mails", "the last event"],
)
def test_when_any_part_fails_nothing_is_stored(practice, monkeypatch, module, name):
    def broken(*args, **kwargs):
        raise DatabaseError

    with monkeypatch.context() as patch:
        patch.setattr(module, name, broken)
        with pytest.raises(DatabaseError):
            send()

    assert nothing_is_stored()
    assert send()[1] is True


@pytest.mark.parametrize("model", STORED, ids=lambda model: model.__name__)
def test_when_anything_cannot_be_stored_nothing_is(practice, model):
    with connection.execute_wrapper(refused(model)), pytest.raises(DatabaseError):
        send()

    assert nothing_is_stored()
    assert send()[1] is True


# --- Ten at once ------------------------------------------------------------------------------


def at_once(number, act):
    """Runs `act` in that many threads, from the same moment on; what each returned."""
    ready = threading.Barrier(number, timeout=20)
    results = []

    def run():
        try:
            ready.wait()
            results.append(act())
        except BaseException as error:  # Compared by the test.
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.django_db(transaction=True)
def test_ten_sends_of_one_form_at_once_are_one_request(practice, answers):
    replies = at_once(10, lambda: Client().post("/consultation/", answers))

    assert [reply.status_code for reply in replies] == [302] * 10
    assert len({reply["Location"] for reply in replies}) == 1
    stored = ConsultationRequest.objects.get()
    assert stored.events.filter(kind=Event.Kind.RECEIVED).count() == 1
    assert stored.consents.count() == len(ON_THE_FORM)
    assert sorted(mail.to for mail in Email.objects.all()) == [
        ["ada@example.com"],
        ["hello@example.com"],
    ]
    assert stored.reference in Client().get(replies[0]["Location"]).content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_same_answers_on_ten_forms_sent_at_once_are_one_request(practice, answers):
    Client().get("/consultation/")  # What the form keeps is made: nobody waits for it below.
    on_a_form_of_its_own = answers | {"token": ""}

    replies = at_once(
        10, lambda: Client(REMOTE_ADDR="203.0.113.9").post("/consultation/", on_a_form_of_its_own)
    )

    assert [reply.status_code for reply in replies] == [302] * 10
    assert len({reply["Location"] for reply in replies}) == 1
    assert ConsultationRequest.objects.count() == 1
    assert Email.objects.count() == 2
    assert {each.count for each in SubmissionCount.objects.all()} == {1}


@pytest.mark.django_db(transaction=True)
def test_ten_people_at_once_are_ten_requests(practice, answers):
    numbers = iter(range(10))

    def send_one():
        number = next(numbers)
        mine = {"full_name": f"Patient {number}", "email": f"p{number}@example.com"}
        return Client().post("/consultation/", answers | mine | {"phone": f"512 555 01{number}0"})

    replies = at_once(10, send_one)

    assert len({reply["Location"] for reply in replies}) == 10
    assert ConsultationRequest.objects.count() == 10
    assert {request.message for request in ConsultationRequest.objects.all()} == {
        answers["message"]
    }


# --- Suspects ---------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["message", "full_name", "preferred_name"])
def test_whatever_was_typed_freely_is_looked_through(practice, field):
    request, is_new = send(**{field: "<a href=x>"})

    assert is_new
    assert (request.status, request.suspicions) == ("quarantined", ["Holds the markup of a link."])
    assert request.events.first().to_status == "quarantined"


def test_a_program_gets_no_mail_and_no_line_about_one(practice):
    request, _ = send(more={"sending": spam.Sending(honeypot="x")})

    assert request.status == "quarantined"
    assert [event.kind for event in request.events.all()] == ["received"]
    assert not Email.objects.exists()


def test_the_order_of_the_answers_and_space_around_them_make_no_difference():
    answers = cleaned()
    backwards = {name: answers[name] for name in reversed(answers)}

    assert intake.answers_digest(backwards) == intake.answers_digest(answers)
    assert intake.answers_digest(cleaned(message=" My nose is blocked.\n")) == (
        intake.answers_digest(answers)
    )

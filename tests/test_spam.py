"""What looks like a program is set aside for staff, never dropped, and is told nothing of it."""

import itertools
import threading
import time

import pytest
from django.core import signing
from django.db import connection
from django.test import Client
from post_office.models import Email

from consultations import spam
from consultations.models import ConsultationRequest, SubmissionCount
from consultations.spam import Sending, Suspicion, suspicions
from consultations.views import FORM_SALT
from tests.pages import Page

pytestmark = pytest.mark.django_db

FORM = "/consultation/"
PLAIN = ["My nose is blocked.", "Ada Patient", ""]


def reasons(sending=None, texts=PLAIN):
    return [suspicion.reason for suspicion in suspicions(sending or Sending(), texts)]


@pytest.fixture
def send(answers):
    """`send(address, message="…")` sends another form from there, through the trusted proxy."""
    numbers = itertools.count(1)

    def send(address=None, client=None, **changes):
        ticket = {"token": f"{next(numbers):032}", "origin": "website"}
        sent = answers | {
            "token": signing.dumps(ticket, salt=FORM_SALT),
            "message": f"Question {next(numbers)}.",
        }
        headers = {"X-Forwarded-For": address} if address else {}
        return (client or Client()).post(FORM, sent | changes, headers=headers)

    return send


# --- Signs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "is_suspect"),
    [(-5, True), (0, True), (2.99, True), (3, False), (86_400, False), (None, False)],
)
def test_nobody_fills_in_the_form_within_three_seconds(seconds, is_suspect):
    found = reasons(Sending(seconds_open=seconds))

    assert found == (["Sent within 3 seconds of opening the form."] if is_suspect else [])


LINKS = {
    "no link": ("Nothing here.", False),
    "two links": ("See http://a.example and www.b.example", False),
    "three links": ("http://a.example https://b.example www.c.example", True),
    "three in capitals": ("HTTP://A.EXAMPLE HTTPS://B.EXAMPLE WWW.C.EXAMPLE", True),
}


@pytest.mark.parametrize(("text", "is_suspect"), LINKS.values(), ids=LINKS.keys())
@pytest.mark.parametrize("position", range(3), ids=["message", "name", "preferred name"])
def test_two_links_are_fine_and_three_are_not(text, is_suspect, position):
    texts = ["", "", ""]
    texts[position] = text

    assert reasons(texts=texts) == (["Holds many links."] if is_suspect else [])


MARKUP = {
    "a forum's link": ("[url=a.example]x", True),
    "a forum's link in capitals": ("[URL]x", True),
    "a web link": ("<a href='a.example'>x", True),
    "an ending tag": ("cheap</b>", True),
    "smaller than": ("pain < 3 days, then > 5", False),
    "a heart": ("thank you <3", False),
    "an address in brackets": ("<ada@example.com>", False),
    "brackets": ("[sic]", False),
}


@pytest.mark.parametrize(("text", "is_suspect"), MARKUP.values(), ids=MARKUP.keys())
def test_people_do_not_write_markup(text, is_suspect):
    found = reasons(texts=[text, "Ada", ""])

    assert found == (["Holds the markup of a link."] if is_suspect else [])


def test_everything_that_is_found_is_said():
    sending = Sending(honeypot="x", seconds_open=0)

    found = suspicions(sending, ["[url] http://a http://b http://c", "", ""])

    assert len(found) == 4
    assert [each.is_certain for each in found] == [True, False, False, False]


# --- What becomes of suspects -----------------------------------------------------------------


def confirmation(response):
    """The page behind the redirect without what differs from request to request."""
    page = Page(Client().get(response["Location"]))
    stored = ConsultationRequest.objects.get(reference__in=page.text.split())
    return stored, page.text.replace(stored.reference, "…")


def test_a_program_that_fills_the_hidden_field_is_set_aside_and_gets_the_same_page(
    practice, send, time_machine
):
    time_machine.move_to("2026-11-16T16:00:00Z", tick=False)

    person, page_for_a_person = confirmation(send())
    program, page_for_a_program = confirmation(send(website="http://spam.example"))

    assert (person.status, program.status) == ("new", "quarantined")
    assert program.suspicions == ["Filled a field that people cannot see."]
    assert page_for_a_program == page_for_a_person


CERTAIN = {"website": "http://spam.example"}
POSSIBLE = {"message": "http://a.example http://b.example http://c.example"}


@pytest.mark.parametrize(
    ("change", "mails"), [(CERTAIN, 0), (POSSIBLE, 2)], ids=["certain", "possible"]
)
def test_only_a_certain_suspicion_sends_no_mail(practice, send, change, mails):
    send(**change)

    assert ConsultationRequest.objects.get().status == "quarantined"
    assert Email.objects.count() == mails


def test_a_form_sent_at_once_is_set_aside(practice, answers):
    opened_just_now = {"token": "1" * 32, "origin": "website", "opened_at": time.time()}

    Client().post(FORM, answers | {"token": signing.dumps(opened_just_now, salt=FORM_SALT)})

    assert ConsultationRequest.objects.get().suspicions == [
        "Sent within 3 seconds of opening the form."
    ]


# --- Many from one place ----------------------------------------------------------------------


def states():
    return [request.status for request in ConsultationRequest.objects.order_by("pk")]


def test_the_sixth_request_from_an_address_is_set_aside_and_acknowledged_alike(
    practice, send, time_machine
):
    time_machine.move_to("2026-11-16T16:00:00Z", tick=False)

    pages = {confirmation(send("203.0.113.7"))[1] for _ in range(6)}

    assert len(pages) == 1
    assert states() == ["new"] * 5 + ["quarantined"]
    sixth = ConsultationRequest.objects.last()
    assert sixth.suspicions == ["Many requests from one address within an hour."]
    assert Email.objects.count() == 5 * 2


def test_an_address_is_its_own_and_begins_anew_every_hour(practice, send, time_machine):
    time_machine.move_to("2026-11-16T16:59:59Z", tick=False)
    for _ in range(5):
        send("203.0.113.7")
    send("203.0.113.8")
    time_machine.shift(1)
    send("203.0.113.7")

    assert states() == ["new"] * 7


@pytest.mark.parametrize(
    ("addresses", "neighbour"),
    [
        ([f"203.0.113.{number * 6}" for number in range(41)], "203.0.112.7"),
        ([f"2001:db8:7:{number * 1600:x}::1" for number in range(41)], "2001:db8:6::1"),
    ],
    ids=["IPv4", "IPv6"],
)
def test_the_forty_first_request_from_a_network_is_set_aside(addresses, neighbour):
    found = [suspicions(Sending(address=address), PLAIN) for address in addresses]

    assert found[:40] == [[]] * 40
    reason = "Many requests from one network within an hour."
    assert found[40] == [Suspicion(reason, is_certain=True)]
    assert reasons(Sending(address=neighbour)) == []


@pytest.mark.parametrize("address", [None, "127.0.0.1", "::1", "not an address"], ids=str)
def test_addresses_of_this_machine_are_never_counted(practice, send, address):
    for _ in range(8):
        send(address)

    assert states() == ["new"] * 8
    assert not SubmissionCount.objects.exists()


def test_sending_the_same_form_many_times_counts_once(practice, answers):
    for _ in range(10):
        Client().post(FORM, answers, headers={"X-Forwarded-For": "203.0.113.7"})

    assert {row.count for row in SubmissionCount.objects.all()} == {1}


def test_who_forges_the_forwarding_header_is_counted_where_they_are(practice, send):
    for number in range(6):
        send(f"198.51.100.{number}, 203.0.113.7")

    assert states() == ["new"] * 5 + ["quarantined"]


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_from_one_address_are_counted_exactly(practice, send):
    ready = threading.Barrier(20, timeout=30)
    replies = []

    def run(number):
        try:
            ready.wait()
            replies.append(send("203.0.113.7", message=f"At once {number}.").status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[number]) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert replies == [302] * 20
    assert sorted(states()) == ["new"] * 5 + ["quarantined"] * 15
    assert {row.count for row in SubmissionCount.objects.all()} == {20}


def test_no_address_is_stored_in_clear(practice, send):
    send("203.0.113.7")

    rows = list(SubmissionCount.objects.values_list())
    assert len(rows) == 2
    assert "203.0.113" not in str(rows)


def test_old_counts_are_forgotten_and_the_present_ones_kept(practice, send, time_machine):
    time_machine.move_to("2026-11-16T16:30:00Z", tick=False)
    send("203.0.113.7")
    time_machine.move_to("2026-11-16T18:00:00Z", tick=False)
    send("203.0.113.7")
    assert spam.forget_old_counts() == 0

    time_machine.shift(1)
    assert spam.forget_old_counts() == 2
    assert SubmissionCount.objects.count() == 2

"""Staff are signed out in time, on the server, and everywhere at once when they have to be."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session as StockSession
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from practice.accounts import sessions
from practice.accounts.session_store import SessionStore, StaffSession, stored_key

pytestmark = pytest.mark.django_db
INBOX = "/admin/consultations/consultationrequest/"
OWN = "/staff/sessions/"
STATE = "/staff/session/"
MORNING = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)
BY_SCRIPT = {"headers": {"sec-fetch-mode": "cors"}}


@pytest.fixture
def clock():
    with time_machine.travel(MORNING, tick=False) as traveller:
        yield traveller


@pytest.fixture
def client(clock, signed_in, coordinator, practice):
    """Somebody who signed in at nine."""
    return signed_in(coordinator)


def is_signed_in(client, **extra):
    return client.get(STATE, **extra).json()["left"] > 0


def later(clock, **amount):
    clock.shift(timedelta(**amount))


# --- Idle, and absolutely --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "stays"),
    [(0, True), (60, True), (29 * 60, True), (30 * 60 - 1, True), (30 * 60, False), (3600, False)],
)
def test_a_session_ends_half_an_hour_after_the_last_request(client, clock, seconds, stays):
    later(clock, seconds=seconds)
    assert (client.get(INBOX).status_code == 200) is stays


def test_each_request_of_a_person_moves_the_end_on(client, clock):
    for _ in range(5):
        later(clock, minutes=25)
        assert client.get(INBOX).status_code == 200


@pytest.mark.parametrize(
    "background",
    [
        {"headers": {"sec-fetch-mode": "cors"}},
        {"headers": {"sec-fetch-mode": "no-cors"}},
        {"headers": {"x-background": "yes"}},
    ],
)
def test_what_a_page_asks_by_itself_does_not(client, clock, a_request, background):
    address = f"{INBOX}{a_request().pk}/presence/"
    for _ in range(29):
        later(clock, minutes=1)
        assert client.post(address, **background).status_code == 200
        assert is_signed_in(client, **background)
    later(clock, minutes=1)
    assert client.get(INBOX).status_code == 302


def test_reading_a_public_page_is_no_work(client, clock):
    later(clock, minutes=29)
    assert client.get("/procedures/").status_code == 200
    later(clock, minutes=1)
    assert client.get(INBOX).status_code == 302


def test_an_ended_session_is_gone_from_the_database_with_its_cookie(client, clock):
    later(clock, minutes=31)
    response = client.get(INBOX)
    assert response.status_code == 302
    assert not StaffSession.objects.exists()
    assert response.cookies["__Host-session"]["max-age"] == 0


def test_who_was_signed_out_is_told_why(client, clock):
    later(clock, minutes=31)
    assert "You were signed out" in client.get(INBOX, follow=True).content.decode()


def test_putting_the_old_cookie_back_does_not_help(client, clock):
    cookie = client.cookies["__Host-session"].value
    later(clock, minutes=31)
    client.get(INBOX)
    thief = Client()
    thief.cookies["__Host-session"] = cookie
    assert thief.get(INBOX).status_code == 302


def test_a_session_ends_twelve_hours_after_signing_in_whatever_happens(client, clock):
    for _ in range(12 * 3 - 1):
        later(clock, minutes=20)
        assert client.get(INBOX).status_code == 200
    later(clock, minutes=19, seconds=59)
    assert client.get(INBOX).status_code == 200
    later(clock, seconds=1)
    assert client.get(INBOX).status_code == 302


def test_signing_in_again_starts_the_clocks_anew(client, clock, coordinator):
    later(clock, minutes=25)
    client.force_login(coordinator)
    later(clock, minutes=25)
    assert client.get(INBOX).status_code == 200


def test_the_settings_decide_and_hold_for_open_sessions_too(client, clock, settings):
    later(clock, minutes=10)
    settings.SESSION_IDLE_MINUTES = 10
    assert not is_signed_in(client)


def test_a_preview_of_a_page_counts_as_work(clock, signed_in, editor, procedure):
    client = signed_in(editor)
    for _ in range(2):
        later(clock, minutes=25)
        assert client.get("/procedures/rhinoplasty/?preview").status_code == 200


def writes(client, address):
    with CaptureQueriesContext(connection) as queries:
        client.get(address)
    return [
        each["sql"]
        for each in queries
        if "staffsession" in each["sql"] and "SELECT" not in each["sql"]
    ]


def test_the_session_is_written_once_a_minute_at_most(client, clock):
    client.get(OWN)
    assert not writes(client, OWN)
    later(clock, seconds=59)
    assert not writes(client, OWN)
    later(clock, seconds=1)
    assert len(writes(client, OWN)) == 1
    assert not writes(client, OWN)


def test_readers_of_public_pages_have_no_session(practice):
    with CaptureQueriesContext(connection) as queries:
        response = Client().get("/")
    assert not response.cookies
    assert not [each for each in queries if "session" in each["sql"]]


def test_a_touch_does_not_write_back_what_another_request_changed(client, clock):
    later(clock, minutes=2)
    here = SessionStore(client.cookies["__Host-session"].value)
    here.get("search")
    there = SessionStore(client.cookies["__Host-session"].value)
    there["search"] = "Ada"
    there.save()
    here.touch()
    assert SessionStore(client.cookies["__Host-session"].value)["search"] == "Ada"


# --- What the database holds -----------------------------------------------------------------


def test_a_copy_of_the_database_opens_no_session_and_tells_no_search(client):
    client.post(INBOX, {"q": "Ada Patient"})
    cookie = client.cookies["__Host-session"].value
    row = StaffSession.objects.get()
    held = " ".join(str(value) for value in StaffSession.objects.values().get().values())
    assert cookie not in held
    assert row.session_key == stored_key(cookie)
    assert "Ada" not in held
    thief = Client()
    thief.cookies["__Host-session"] = row.session_key
    assert thief.get(INBOX).status_code == 302


def test_altered_content_is_no_session(client):
    StaffSession.objects.update(session_data="nonsense")
    assert client.get(INBOX).status_code == 302


def test_the_worker_removes_what_has_run_out_and_nothing_else(client, clock, manager, signed_in):
    StockSession.objects.create(session_key="old", session_data="x", expire_date=timezone.now())
    later(clock, minutes=20)
    signed_in(manager)
    later(clock, minutes=15)
    sessions.clear_ended()
    assert [row.user for row in StaffSession.objects.all()] == [manager]
    assert not StockSession.objects.exists()


# --- For the script of an open page ----------------------------------------------------------


def test_the_page_learns_how_long_is_left_and_can_ask_for_more(client, clock, coordinator):
    later(clock, minutes=28)
    found = client.get(STATE, **BY_SCRIPT).json()
    assert (found["who"], found["left"], found["can_go_on"]) == (str(coordinator.pk), 120, True)
    assert client.post(STATE, **BY_SCRIPT).json()["left"] == 30 * 60
    assert client.get(STATE, **BY_SCRIPT).json()["left"] == 30 * 60


def test_shortly_before_the_twelve_hours_asking_does_not_help(client, clock):
    for _ in range(35):
        later(clock, minutes=20)
        client.post(STATE, **BY_SCRIPT)
    later(clock, minutes=18)
    found = client.post(STATE, **BY_SCRIPT).json()
    assert (found["left"], found["can_go_on"]) == (120, False)


def test_staying_needs_the_token_of_our_own_pages(coordinator, practice, signed_in):
    client = signed_in(coordinator)
    client.handler.enforce_csrf_checks = True
    assert client.post(STATE).status_code == 403
    token = client.get(STATE).json()["token"]
    assert client.post(STATE, headers={"x-csrftoken": token}).status_code == 200


def test_pages_for_staff_carry_the_warning_and_public_ones_do_not(client):
    for address in (INBOX, "/admin/", OWN):
        shown = client.get(address).content.decode()
        assert 'data-left="1800"' in shown.replace("1799", "1800"), address
        assert 'id="session-warning"' in shown, address
    for address in ("/", "/staff/login/"):
        assert "session-warning" not in Client().get(address).content.decode(), address

"""What was typed while the session ran out is given back, and only to our own pages."""

import logging
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from consultations import triage
from consultations.models import ConsultationRequest, Event
from practice.accounts.session_store import StaffSession
from tests.conftest import PASSWORD
from tests.pages import Page

pytestmark = pytest.mark.django_db
REQUESTS = "/admin/consultations/consultationrequest/"
NOTE = "Prefers mornings.\r\nAsked about “numbness” & <scars>."
OURS = {"origin": "https://testserver", "sec-fetch-site": "same-origin"}
OURS |= {"sec-fetch-mode": "navigate"}


class Browser(Client):
    """Sends forms as our own pages do, over HTTPS, and is held to CSRF protection."""

    def __init__(self):
        super().__init__(enforce_csrf_checks=True)

    def generic(self, *args, **extra):
        return super().generic(*args, **extra | {"secure": True})

    def send(self, address, answers, headers=OURS):
        return self.post(address, answers, headers=headers)


@pytest.fixture
def row(a_request):
    return a_request()


@pytest.fixture
def browser(signed_in, coordinator, row):
    """A coordinator who has opened the request's page."""
    browser = Browser()
    browser.cookies = signed_in(coordinator).cookies
    return browser


@pytest.fixture
def typed(browser, row):
    """The note's form, filled in."""
    page = Page(browser.get(f"{REQUESTS}{row.pk}/change/"))
    names = ("csrfmiddlewaretoken", "seen_status", "seen_owner", "seen_follow_up")
    return {name: page.fields[name] for name in names if name in page.fields} | {"note": NOTE}


def sign_in_again(browser, user):
    other_tab = Browser()
    other_tab.cookies = browser.cookies
    other_tab.force_login(user)
    # A sign-in changes the token.
    other_tab.cookies["__Host-csrf"] = "b" * 32


def time_out():
    StaffSession.objects.all().delete()


def test_a_late_save_is_given_back_and_can_be_saved_after_signing_in(
    browser, typed, row, coordinator
):
    address = f"{REQUESTS}{row.pk}/note/"
    time_out()

    late = browser.send(address, typed)
    page = Page(late)
    assert late.status_code == 403
    assert "You were signed out; this was not saved" in page.text
    assert page.fields["note"] == NOTE
    assert "/staff/login/?next=/staff/sessions/" in page.links
    assert f'action="{address}"' in page.source
    assert not Event.objects.filter(kind=Event.Kind.NOTED).exists()

    again = Page(browser.send(address, page.fields))
    assert "You were signed out; this was not saved" in again.text

    sign_in_again(browser, coordinator)
    fresh = Page(browser.send(address, again.fields))
    assert fresh.status == 403
    assert "Not saved yet" in fresh.text
    assert "Carla Coordinator" in fresh.text
    assert fresh.fields["note"] == NOTE
    assert fresh.fields["csrfmiddlewaretoken"] != typed["csrfmiddlewaretoken"]

    saved = browser.send(address, fresh.fields)
    assert saved.status_code == 302
    assert Event.objects.get(kind=Event.Kind.NOTED).note.splitlines() == NOTE.splitlines()


def test_what_a_colleague_changed_meanwhile_is_still_noticed(
    browser, typed, row, coordinator, colleague
):
    time_out()
    kept = Page(browser.send(f"{REQUESTS}{row.pk}/close/", typed | {"reason": "no_reply"})).fields
    triage.move(ConsultationRequest.objects.get(pk=row.pk), "attempting", by=colleague)
    sign_in_again(browser, coordinator)
    fresh = Page(browser.send(f"{REQUESTS}{row.pk}/close/", kept)).fields
    response = browser.send(f"{REQUESTS}{row.pk}/close/", fresh)
    assert response.status_code == 409
    assert "When you opened it" in response.content.decode()
    row.refresh_from_db()
    assert row.status == "attempting"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://testserver"},
        {"origin": "https://testserver:8443"},
        {"origin": "https://testserver.evil.example"},
        {"referer": "https://testserver/admin/"},
        OURS | {"origin": "https://evil.example"},
        OURS | {"sec-fetch-site": "cross-site"},
        OURS | {"sec-fetch-site": "same-site"},
        OURS | {"sec-fetch-site": "none"},
        OURS | {"sec-fetch-mode": "cors"},
    ],
    ids=str,
)
@pytest.mark.parametrize("is_signed_in", [True, False])
def test_no_other_site_brings_the_page_up(browser, typed, row, coordinator, headers, is_signed_in):
    """Neither by a form without a token, nor by one with a token that has expired."""
    if not is_signed_in:
        time_out()
    for token in ("", "a" * 64):
        answers = typed | {"csrfmiddlewaretoken": token}
        response = browser.send(f"{REQUESTS}{row.pk}/note/", answers, headers)
        shown = response.content.decode()
        assert response.status_code == 403
        assert "Prefers mornings" not in shown
        assert "Save again" not in shown
        assert "nothing was sent or changed" in shown


def test_an_older_browser_that_sends_only_the_origin_is_enough(browser, typed, row):
    time_out()
    late = browser.send(f"{REQUESTS}{row.pk}/note/", typed, {"origin": "https://testserver"})
    assert Page(late).fields["note"] == NOTE


@pytest.mark.parametrize(
    "address", ["/admin/login/", "/admin/logout/", "/staff/login/", "/staff/password/change/"]
)
def test_only_what_is_saved_in_the_admin_is_given_back(browser, typed, address):
    time_out()
    answers = {"login": "carla", "password": PASSWORD, **typed}
    assert "Save again" not in browser.send(address, answers).content.decode()


def test_every_value_of_a_field_is_kept_in_its_order(browser, typed):
    time_out()
    answers = typed | {"chosen": ["3", "1", "2"], "act": "claim", "empty": ""}
    shown = browser.send(f"{REQUESTS}several/", answers).content.decode()
    assert re.findall(r'name="chosen" value="(\d)"', shown) == ["3", "1", "2"]
    assert 'name="empty" value=""' in shown


def test_passwords_and_files_are_left_out_and_the_page_says_so(browser, typed):
    time_out()
    answers = typed | {
        "password1": PASSWORD,
        "confirm-password": PASSWORD,
        "confirm-code": "123456",
        "hero": SimpleUploadedFile("Ada_Patient.jpg", b"picture"),
    }
    response = browser.send("/admin/practice/user/add/", answers)
    page = Page(response)
    assert not {"password1", "confirm-password", "confirm-code", "hero"} & page.fields.keys()
    assert "A file that you had chosen could not be kept" in page.text
    assert "Passwords are not kept" in page.text
    assert PASSWORD not in page.source
    assert "Ada_Patient" not in page.source


def test_what_was_typed_cannot_leave_its_field(browser, typed, row):
    time_out()
    evil = '"><script>alert(1)</script><form action="https://evil.example">'
    late = browser.send(f"{REQUESTS}{row.pk}/note/?x={evil}", typed | {"note": evil, evil: "x"})
    page = Page(late)
    assert page.fields["note"] == evil
    assert "<script>alert" not in page.source
    assert page.source.count("<form") == 1


def test_it_is_kept_in_that_page_only(browser, typed, row, caplog):
    time_out()
    with caplog.at_level(logging.DEBUG):
        late = browser.send(f"{REQUESTS}{row.pk}/note/", typed)
    assert "no-store" in late["Cache-Control"]
    assert late["Content-Security-Policy"].count("form-action 'self'") == 1
    assert "Prefers" not in caplog.text
    assert not StaffSession.objects.exists()
    assert not any("Prefers" in cookie.value for cookie in browser.cookies.values())


def test_without_a_form_there_is_nothing_to_give_back(browser, typed, row):
    time_out()
    for content_type in ("application/json", "text/plain"):
        response = browser.post(
            f"{REQUESTS}{row.pk}/note/",
            '{"note": "x"}',
            content_type=content_type,
            headers=OURS | {"x-csrftoken": typed["csrfmiddlewaretoken"]},
        )
        assert response.status_code == 302
        assert response["Location"].startswith("/admin/login/")


def test_opening_a_page_of_the_admin_leads_to_sign_in_as_ever(browser, row):
    time_out()
    assert browser.get(f"{REQUESTS}{row.pk}/change/", headers=OURS).status_code == 302

"""Before what would hurt most, staff confirm that it is still them, and lose nothing by it."""

import html
import re
import time

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.contrib.auth.models import Group
from django.http import HttpResponse
from django.utils import timezone

from consultations.models import ConsultationRequest
from practice.accounts.session_store import StaffSession
from practice.accounts.sign_in import is_recently_confirmed, recently_confirmed
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
REQUESTS = "/admin/consultations/consultationrequest/"
EXPORT = f"{REQUESTS}export/?view=all"
CONFIRM = "/staff/reauthenticate/"
ASKED = "Is it still you?"
REASON = "Yearly review of waiting times"


@pytest.fixture
def clock():
    with time_machine.travel(timezone.now(), tick=False) as clock:
        yield clock


@pytest.fixture
def owner(django_user_model, practice):
    return django_user_model.objects.create_superuser("owner", "owner@example.com", PASSWORD)


@pytest.fixture
def lapsed(signed_in, owner, clock):
    """A superuser who confirmed five minutes ago."""
    client = signed_in(owner)
    clock.shift(300)
    return client


@pytest.fixture
def row(a_request):
    return a_request()


def leads_to_confirming(response, path):
    from urllib.parse import quote

    return response.status_code == 302 and response["Location"] == (
        f"{CONFIRM}?next={quote(path, safe='')}"
    )


def kept(response):
    """What the page in between carries along."""
    fields = re.findall(
        r'<input type="hidden" name="([^"]*)" value="([^"]*)">', response.content.decode()
    )
    return {name: html.unescape(value) for name, value in fields if "csrf" not in name}


# --- Where it is asked ---------------------------------------------------------------------


def sensitive_pages(row, owner, coordinator):
    factor = Authenticator.objects.get(user=owner)
    role = Group.objects.get(name="Manager")
    return [
        EXPORT,
        f"{REQUESTS}{row.pk}/erase/",
        "/admin/practice/user/add/",
        f"/admin/practice/user/{coordinator.pk}/change/",
        f"/admin/practice/user/{coordinator.pk}/delete/",
        f"/admin/practice/user/{coordinator.pk}/password/",
        "/admin/auth/group/add/",
        f"/admin/auth/group/{role.pk}/change/",
        f"/admin/auth/group/{role.pk}/delete/",
        f"/admin/mfa/authenticator/{factor.pk}/delete/",
        "/staff/2fa/totp/deactivate/",
        "/staff/2fa/webauthn/add/",
        "/staff/2fa/recovery-codes/generate/",
    ]


def test_each_of_these_asks_first_and_comes_back(lapsed, row, owner, coordinator, clock):
    for path in sensitive_pages(row, owner, coordinator):
        assert leads_to_confirming(lapsed.get(path), path), path
        answer = lapsed.post(CONFIRM, {"password": PASSWORD, "next": path})
        assert answer["Location"] == path
        assert lapsed.get(path).status_code == 200, path
        clock.shift(301)


def test_none_of_these_is_done_without_it(lapsed, row, owner, coordinator):
    for path in sensitive_pages(row, owner, coordinator):
        if not path.startswith("/admin/"):
            continue
        answer = lapsed.post(path, {"post": "yes", "name": "x", "reason": REASON, "kind": "csv"})
        assert answer.status_code == 403, path
        assert ASKED in answer.content.decode(), path
        assert "no-store" in answer["Cache-Control"]
    assert ConsultationRequest.objects.filter(pk=row.pk).exists()
    assert Authenticator.objects.filter(user=owner).exists()
    assert Group.objects.filter(name="Manager").exists()


@pytest.mark.parametrize("model", ["practice/user", "auth/group", "mfa/authenticator"])
def test_lists_are_shown_and_their_actions_ask(lapsed, coordinator, model):
    assert lapsed.get(f"/admin/{model}/").status_code == 200
    sent = {"action": "delete_selected", "_selected_action": [coordinator.pk], "index": 0}
    assert ASKED in lapsed.post(f"/admin/{model}/", sent).content.decode()


def test_daily_work_never_asks(lapsed, row):
    for path in (REQUESTS, f"{REQUESTS}{row.pk}/change/", "/admin/", "/staff/2fa/"):
        assert lapsed.get(path).status_code == 200


def test_who_may_not_is_not_asked_first(signed_in, coordinator, row, clock):
    client = signed_in(coordinator)
    clock.shift(300)
    for path in (
        EXPORT,
        f"{REQUESTS}{row.pk}/erase/",
        "/admin/practice/user/add/",
        f"/admin/practice/user/{coordinator.pk}/change/",
        "/admin/auth/group/add/",
    ):
        assert client.get(path).status_code == 403
        assert client.post(path).status_code == 403


def test_signing_in_counts_for_five_minutes(signed_in, owner, clock):
    client = signed_in(owner)
    clock.shift(299)
    assert client.get(EXPORT).status_code == 200
    clock.shift(2)
    assert client.get(EXPORT).status_code == 302


def test_nobody_is_led_to_another_site(lapsed):
    answer = lapsed.post(CONFIRM, {"password": PASSWORD, "next": "https://evil.example/"})
    assert answer["Location"] == "/admin/"


# --- When it lapses between the form and its sending ---------------------------------------


def test_what_was_typed_waits_in_the_page_and_goes_on(lapsed):
    sent = {"kind": "csv", "reason": 'Review "A" & <B>\nof 2026'}
    asked = lapsed.post(EXPORT, sent)
    assert kept(asked) == sent
    answer = lapsed.post(EXPORT, kept(asked) | {"confirm-password": PASSWORD, "confirm-code": ""})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/csv")


def test_several_values_of_one_field_are_all_kept(lapsed, coordinator):
    roles = [str(group.pk) for group in Group.objects.order_by("pk")[:2]]
    assert len(roles) == 2
    page = f"/admin/practice/user/{coordinator.pk}/change/"
    asked = lapsed.post(page, {"username": "carla", "groups": roles})
    shown = asked.content.decode()
    assert all(f'name="groups" value="{role}"' in shown for role in roles)


def test_a_wrong_password_asks_again_with_everything_kept(lapsed):
    sent = {"kind": "csv", "reason": REASON}
    answer = lapsed.post(EXPORT, sent | {"confirm-password": "wrong", "confirm-code": ""})
    assert answer.status_code == 403
    assert "This is not your password." in answer.content.decode()
    assert kept(answer) == sent
    assert "wrong" not in answer.content.decode().replace('class="field wrong', "")


def test_an_empty_answer_says_what_to_do(lapsed):
    answer = lapsed.post(EXPORT, {"confirm-password": "", "confirm-code": ""})
    assert "Enter your password or a code." in answer.content.decode()


def test_a_code_will_do(lapsed, owner):
    from practice import encryption

    secret = encryption.decrypt(Authenticator.objects.get(user=owner).data["secret"])
    period = int(time.time()) // 30
    code = totp.format_hotp_value(totp.hotp_value(secret, period))
    sent = {"kind": "csv", "reason": REASON, "confirm-password": "", "confirm-code": code}
    assert lapsed.post(EXPORT, sent)["Content-Type"].startswith("text/csv")
    assert lapsed.get(EXPORT).status_code == 200


def test_guessing_here_is_throttled_like_anywhere(lapsed):
    for number in range(5):
        sent = {"confirm-password": f"guess {number}", "confirm-code": ""}
        assert "This is not your password." in lapsed.post(EXPORT, sent).content.decode()
    answer = lapsed.post(EXPORT, {"confirm-password": PASSWORD, "confirm-code": ""})
    assert "Too many failed tries." in answer.content.decode()
    assert lapsed.get(EXPORT).status_code == 302


def test_nothing_typed_is_stored(lapsed):
    lapsed.post(EXPORT, {"kind": "csv", "reason": "a-marker-that-nobody-else-types"})
    lapsed.post("/admin/practice/user/add/", {"username": "x", "password1": "a-marker"})
    assert "marker" not in str(lapsed.session.items())
    stored = [str(row.get_decoded()) for row in StaffSession.objects.all()]
    assert stored
    assert "marker" not in "".join(stored)


def test_the_view_does_not_get_the_answer_itself(signed_in, owner, rf, clock):
    seen = {}

    @recently_confirmed
    def view(request):
        seen.update(request.POST.items())
        return HttpResponse("done")

    request = rf.post("/", {"a": "1", "confirm-password": PASSWORD, "confirm-code": ""})
    request.user, request.session = owner, signed_in(owner).session
    clock.shift(301)
    from allauth.core.context import request_context

    with request_context(request):
        assert view(request).content == b"done"
        assert is_recently_confirmed(request)
    assert seen == {"a": "1"}


# --- Ways to confirm -----------------------------------------------------------------------


def test_another_way_keeps_where_one_was_going(lapsed):
    page = lapsed.get(EXPORT, follow=True).content.decode()
    assert "/staff/2fa/reauthenticate/?next=" in page
    assert "view%3Dall" in page


def test_the_confirmation_of_one_person_is_not_another_s(lapsed, owner, manager, clock):
    lapsed.post(CONFIRM, {"password": PASSWORD})
    assert lapsed.get(EXPORT).status_code == 200
    session = lapsed.session
    session["account_authentication_methods_user"] = str(manager.pk)
    session.save()
    assert lapsed.get(EXPORT).status_code == 302

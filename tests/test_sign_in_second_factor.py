"""The second factor: setting it up, being asked for it, guessing it, losing it."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from auditlog.models import LogEntry
from django.core.cache import cache
from django.test import Client
from post_office.models import Email

from practice import encryption
from practice.accounts.second_factor import has_second_factor
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
LOGIN = "/staff/login/"
SECOND = "/staff/2fa/authenticate/"
CONFIRM = "/staff/2fa/reauthenticate/"
SET_UP = "/staff/2fa/totp/activate/"
CODES = "/staff/2fa/recovery-codes/"
FACTORS = "/admin/mfa/authenticator/"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NOT_RIGHT = "This code is not right, or it was used already."
TOO_MANY = "Too many failed tries."
# The middle of a period of thirty seconds.
NOW = datetime(2026, 3, 2, 15, 0, 15, tzinfo=UTC)


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def carla(coordinator, practice):
    """With an authenticator app and recovery codes."""
    totp.TOTP.activate(coordinator, SECRET)
    recovery(coordinator)
    return coordinator


def recovery(user):
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes

    return RecoveryCodes.activate(user)


def code(periods=0, secret=SECRET):
    """What the app shows now, or so many periods later."""
    period = next(totp.yield_hotp_counters_from_time()) + totp.app_settings.TOTP_TOLERANCE
    return totp.format_hotp_value(totp.hotp_value(secret, period + periods))


def half_way(name="carla"):
    """A client that has given the password."""
    client = Client()
    answer = client.post(LOGIN, {"login": name, "password": PASSWORD})
    assert answer["Location"] == SECOND
    return client


def enter(client, number, **headers):
    return client.post(SECOND, {"code": number}, **headers)


def is_in(response):
    return response.status_code == 302 and response["Location"] == "/admin/"


def fresh(user):
    """A client signed in with the password alone, as before any factor is set up."""
    client = Client()
    client.post(LOGIN, {"login": user.username, "password": PASSWORD})
    return client


# --- Having none ---------------------------------------------------------------------------

STAFF_ONLY = ("/admin/", "/admin/practice/user/", "/procedures/rhinoplasty/?preview")


@pytest.mark.parametrize("path", STAFF_ONLY)
def test_nothing_of_the_staff_s_opens_without_one(editor, procedure, path):
    client = fresh(editor)
    answer = client.get(path)
    assert answer["Location"] == "/staff/2fa/"
    assert "Set up a second factor first" in client.get("/staff/2fa/").content.decode()


def test_recovery_codes_alone_are_none(coordinator, practice):
    recovery(coordinator)
    assert not has_second_factor(coordinator)
    assert fresh(coordinator).get("/admin/")["Location"] == "/staff/2fa/"


def test_public_pages_stay_open_without_one(editor, procedure):
    assert fresh(editor).get("/procedures/rhinoplasty/").status_code == 200


def test_drafts_are_previewed_with_one(editor, procedure, signed_in):
    assert signed_in(editor).get("/procedures/rhinoplasty/?preview").status_code == 200


# --- Setting up the app --------------------------------------------------------------------


@pytest.fixture
def set_up(django_capture_on_commit_callbacks):
    """`set_up(client)` scans the code and types what the app shows: the secret, the answer."""

    def set_up(client):
        page = client.get(SET_UP).content.decode()
        secret = re.search(r'class="secret">(\w+)<', page)[1]
        with django_capture_on_commit_callbacks(execute=True):
            return secret, client.post(SET_UP, {"code": code(secret=secret)})

    return set_up


def test_it_is_set_up_by_scanning_and_brings_recovery_codes(coordinator, practice, clock, set_up):
    client = fresh(coordinator)
    page = client.get(SET_UP).content.decode()
    assert re.search(r'<div class="qr" role="img"[^>]*>\s*(<\?xml[^>]*>)?\s*<svg', page)
    assert "data:image" not in page
    _, answer = set_up(client)
    assert answer["Location"] == CODES
    shown = client.get(CODES).content.decode()
    codes = re.findall(r"<li><code>(\d{8})</code>", shown)
    assert len(codes) == 10
    assert "%0A".join(codes) in shown  # The file to save.
    assert client.get("/admin/").status_code == 200
    assert Email.objects.get().subject.startswith("An authenticator app was set up")


def test_recovery_codes_are_shown_once(coordinator, practice, clock, set_up):
    client = fresh(coordinator)
    set_up(client)
    codes = re.findall(r"<code>(\d{8})</code>", client.get(CODES).content.decode())
    again = client.get(CODES).content.decode()
    assert not any(each in again for each in codes)
    assert client.get(f"{CODES}download/").status_code == 403


def test_new_recovery_codes_replace_the_old(carla, signed_in, clock):
    old = recovery(carla).get_unused_codes()
    client = signed_in(carla)
    client.post(f"{CODES}generate/")
    new = re.findall(r"<code>(\d{8})</code>", client.get(CODES).content.decode())
    assert len(new) == 10
    assert not set(new) & set(old)
    assert NOT_RIGHT in enter(half_way(), old[0]).content.decode()
    assert is_in(enter(half_way(), new[0]))


def test_secrets_are_stored_under_our_own_keys(coordinator, practice, clock, set_up):
    client = fresh(coordinator)
    secret, _ = set_up(client)
    codes = recovery(coordinator).get_unused_codes()
    app = Authenticator.objects.get(user=coordinator, type="totp")
    stored = str(list(Authenticator.objects.values()))
    assert encryption.decrypt(app.data["secret"]) == secret
    assert not any(each in stored for each in (secret, *codes))


def test_the_code_that_set_it_up_does_not_also_sign_in(coordinator, practice, clock, set_up):
    client = fresh(coordinator)
    secret, _ = set_up(client)
    cache.clear()
    assert NOT_RIGHT in enter(half_way(), code(secret=secret)).content.decode()
    assert is_in(enter(half_way(), code(1, secret)))


# --- Being asked ---------------------------------------------------------------------------


def test_the_password_alone_opens_nothing(carla, clock):
    client = half_way()
    assert client.get("/admin/").status_code == 302
    assert client.get("/staff/2fa/").status_code == 302
    assert is_in(enter(client, code()))
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize(
    ("periods", "accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_phone_s_clock_may_be_half_a_minute_off(carla, clock, periods, accepted):
    assert is_in(enter(half_way(), code(periods))) == accepted


def test_spaces_in_a_code_are_how_apps_show_it(carla, clock):
    assert is_in(enter(half_way(), f"{code()[:3]} {code()[3:]}"))


@pytest.mark.parametrize("later", [0, 29, 44])
def test_a_code_is_taken_once(carla, clock, later):
    number = code()
    assert is_in(enter(half_way(), number))
    clock.shift(later)
    assert NOT_RIGHT in enter(half_way(), number).content.decode()


def test_a_code_is_taken_once_though_the_cache_forgets(carla, clock):
    number = code()
    assert is_in(enter(half_way(), number))
    cache.clear()
    assert NOT_RIGHT in enter(half_way(), number).content.decode()
    assert NOT_RIGHT in enter(half_way(), code(-1)).content.decode()
    assert is_in(enter(half_way(), code(1)))


def test_a_code_that_signed_in_does_not_also_confirm(carla, clock):
    client = half_way()
    enter(client, code())
    cache.clear()
    assert NOT_RIGHT in client.post(CONFIRM, {"code": code()}).content.decode()
    assert client.post(CONFIRM, {"code": code(1)}).status_code == 302


def test_a_recovery_code_signs_in_once_and_is_told(carla, clock):
    codes = recovery(carla).get_unused_codes()
    assert is_in(enter(half_way(), codes[0]))
    email = Email.objects.get()
    assert email.to == ["carla@example.com"]
    assert email.subject.startswith("A recovery code was used")
    assert "Unused codes left: 9." in email.message
    assert NOT_RIGHT in enter(half_way(), codes[0]).content.decode()


def test_the_last_few_recovery_codes_are_warned_of(carla, clock):
    codes = recovery(carla).get_unused_codes()
    for each in codes[:6]:
        client = half_way()
        enter(client, each)
    assert "left. Make new ones" not in client.get("/admin/").content.decode()
    client = half_way()
    enter(client, codes[6])
    shown = client.get("/admin/").content.decode()
    assert "You have 3 recovery codes left. Make new ones soon." in shown


# --- Guessing ------------------------------------------------------------------------------


def wrong(count):
    """Codes that are not right now."""
    right = {code(periods) for periods in range(-2, 3)}
    return [f"{number:06}" for number in range(count + 5) if f"{number:06}" not in right][:count]


def test_guessing_from_many_addresses_ends_after_five_tries(carla, clock):
    client = half_way()
    for number, guess in enumerate(wrong(5)):
        answer = enter(client, guess, REMOTE_ADDR=f"192.0.2.{number}")
        assert NOT_RIGHT in answer.content.decode()
    for number, guess in enumerate(wrong(15)[5:]):
        answer = enter(client, guess, REMOTE_ADDR=f"198.51.100.{number}")
        assert TOO_MANY in answer.content.decode()
    assert TOO_MANY in enter(client, code(), REMOTE_ADDR="198.51.100.99").content.decode()


def test_giving_the_password_again_does_not_reset_the_count(carla, clock):
    for number, guess in enumerate(wrong(5)):
        enter(half_way(), guess, REMOTE_ADDR=f"192.0.2.{number}")
    answer = enter(half_way(), code(), REMOTE_ADDR="192.0.2.99")
    assert TOO_MANY in answer.content.decode()
    clock.shift(301)
    assert is_in(enter(half_way(), code()))


def test_guessing_while_confirming_counts_too(carla, clock, signed_in):
    client = signed_in(carla)
    for number, guess in enumerate(wrong(5)):
        client.post(CONFIRM, {"code": guess}, REMOTE_ADDR=f"192.0.2.{number}")
    answer = client.post(CONFIRM, {"code": code()}, REMOTE_ADDR="192.0.2.99")
    assert TOO_MANY in answer.content.decode()


# --- Taking it off -------------------------------------------------------------------------


def test_who_removes_their_last_one_does_not_carry_on(carla, signed_in, clock):
    client = signed_in(carla)
    assert client.post("/staff/2fa/totp/deactivate/").status_code == 302
    assert not Authenticator.objects.filter(user=carla).exists()
    assert client.get("/admin/")["Location"] == "/staff/2fa/"
    assert Email.objects.get().subject.startswith("The authenticator app was removed")


def test_removing_it_asks_who_is_there(carla, signed_in, clock):
    client = signed_in(carla)
    clock.shift(301)
    answer = client.get("/staff/2fa/totp/deactivate/")
    assert answer["Location"].startswith("/staff/reauthenticate/?next=")
    client.post("/staff/2fa/totp/deactivate/")
    assert has_second_factor(carla)


@pytest.fixture
def owner(django_user_model, practice):
    return django_user_model.objects.create_superuser("owner", "owner@example.com", PASSWORD)


def take_away(client, factor):
    return client.post(f"{FACTORS}{factor.pk}/delete/", {"post": "yes"})


def test_a_manager_helps_who_has_lost_theirs(carla, manager, signed_in, clock):
    hers = signed_in(carla)
    helping = signed_in(manager)
    factor = Authenticator.objects.get(user=carla, type="totp")
    assert "carla" in helping.get(FACTORS).content.decode().lower()
    assert take_away(helping, factor).status_code == 302
    assert not Authenticator.objects.filter(user=carla).exists()
    assert hers.get("/admin/")["Location"].startswith("/admin/login/")
    email = Email.objects.get()
    assert email.to == ["carla@example.com"]
    assert "was removed from your account by Maria Manager." in email.message
    entry = LogEntry.objects.get_for_model(Authenticator).get(
        action=LogEntry.Action.DELETE, object_pk=factor.pk
    )
    assert entry.actor == manager
    assert factor.data["secret"] not in str(entry.changes)
    assert fresh(carla).get("/admin/")["Location"] == "/staff/2fa/"


def test_several_are_taken_away_the_same_way(carla, colleague, manager, signed_in):
    signed_in(colleague)
    chosen = Authenticator.objects.filter(user__in=[carla, colleague], type="totp")
    sent = {"action": "delete_selected", "_selected_action": [each.pk for each in chosen]}
    signed_in(manager).post(FACTORS, sent | {"post": "yes", "index": 0})
    assert not Authenticator.objects.exclude(user=manager).exists()
    assert Email.objects.count() == 2


def test_only_a_superuser_touches_a_superuser_s(owner, manager, signed_in):
    signed_in(owner)
    factor = Authenticator.objects.get(user=owner)
    helping = signed_in(manager)
    assert take_away(helping, factor).status_code == 403
    sent = {"action": "delete_selected", "_selected_action": [factor.pk], "post": "yes"}
    helping.post(FACTORS, sent | {"index": 0})
    assert Authenticator.objects.filter(user=owner).exists()


@pytest.mark.parametrize("role", ["Coordinator", "Editor", "Surgeon", "Auditor"])
def test_nobody_else_may(role, staff, carla, signed_in):
    client = signed_in(staff(role, "somebody"))
    factor = Authenticator.objects.get(user=carla, type="totp")
    assert client.get(FACTORS).status_code == 403
    assert take_away(client, factor).status_code == 403


def test_setting_up_is_in_the_trail_without_the_secret(coordinator, practice, clock, set_up):
    set_up(fresh(coordinator))
    entries = LogEntry.objects.get_for_model(Authenticator)
    assert {entry.actor for entry in entries} == {coordinator}
    assert "secret" not in str(list(entries.values("changes")))


# --- Passkeys, as far as they go without a browser -----------------------------------------


def test_passkeys_are_offered_where_one_signs_in(coordinator, practice):
    page = Client().get(LOGIN).content.decode()
    assert 'id="passkey_login"' in page
    assert "data-passkeys hidden" in page  # Until a script has found that they work here.


def test_a_made_up_passkey_is_refused_kindly(coordinator, practice):
    client = Client()
    client.get("/staff/2fa/webauthn/login/", HTTP_ACCEPT="application/json")
    for credential in ("{}", "nonsense", '{"id": "x", "response": {"userHandle": "MQ"}}', "[]"):
        answer = client.post("/staff/2fa/webauthn/login/", {"credential": credential}, follow=True)
        assert answer.redirect_chain[-1][0] == LOGIN
    assert client.get("/admin/").status_code == 302


def test_trying_made_up_passkeys_is_throttled(coordinator, practice):
    client = Client()
    statuses = [
        client.post("/staff/2fa/webauthn/login/", {"credential": "{}"}).status_code
        for _ in range(11)
    ]
    assert statuses == [302] * 10 + [429]


def test_an_unfinished_sign_in_ends_after_a_quarter_of_an_hour(carla, clock):
    client = half_way()
    clock.shift(timedelta(minutes=16))
    assert enter(client, code())["Location"] == LOGIN

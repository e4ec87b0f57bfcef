"""Secrets of the second factor that no key opens any more: each page says what to do."""

import re

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from cryptography.fernet import Fernet

from tests.test_sign_in_second_factor import (
    CODES,
    CONFIRM,
    NOT_RIGHT,
    NOW,
    SECRET,
    code,
    enter,
    half_way,
    is_in,
)

pytestmark = pytest.mark.django_db
PAGES = (
    "/staff/2fa/",
    CODES,
    f"{CODES}generate/",
    f"{CODES}download/",
    "/staff/2fa/totp/deactivate/",
)
APP_LOST = "the secret of your app can no longer be read"
CODES_LOST = "Your recovery codes can no longer be read"


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def carla(coordinator, practice):
    TOTP.activate(coordinator, SECRET)
    RecoveryCodes.activate(coordinator)
    return coordinator


def lose(user, *kinds):
    """Seals the secrets of these kinds with a key that is not at hand."""
    elsewhere = Fernet(Fernet.generate_key()).encrypt(b"lost").decode()
    for factor in Authenticator.objects.filter(user=user, type__in=kinds):
        name = "secret" if factor.type == "totp" else "seed"
        factor.data[name] = elsewhere
        factor.save()


@pytest.mark.parametrize("kinds", [["totp"], ["recovery_codes"], ["totp", "recovery_codes"]])
@pytest.mark.parametrize("path", PAGES)
def test_no_page_breaks(carla, signed_in, path, kinds):
    lose(carla, *kinds)

    answer = signed_in(carla).get(path, follow=True)

    assert answer.status_code in (200, 403)  # The download is for codes never seen before.


def test_the_page_of_the_codes_leads_to_new_ones(carla, signed_in):
    lose(carla, "recovery_codes")
    client = signed_in(carla)

    assert f"{CODES_LOST}. Make new ones" in client.get("/staff/2fa/").content.decode()
    asked = client.get(CODES, follow=True)
    assert asked.redirect_chain == [(f"{CODES}generate/", 302)]
    assert CODES_LOST in asked.content.decode()
    made = client.post(f"{CODES}generate/", follow=True).content.decode()
    new = re.findall(r"<li><code>(\d{8})</code>", made)
    assert len(new) == 10
    assert is_in(enter(half_way(), new[0]))


def test_the_page_of_the_factors_says_how_to_set_the_app_up_anew(carla, signed_in):
    client = signed_in(carla)
    assert "can no longer be read" not in client.get("/staff/2fa/").content.decode()
    lose(carla, "totp")

    shown = client.get("/staff/2fa/").content.decode()

    assert "The secret of your app can no longer be read" in shown
    assert "Remove the app here, then set it up again" in shown


def test_a_recovery_code_signs_in_although_the_app_s_secret_is_lost(carla):
    codes = RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).get_unused_codes()
    lose(carla, "totp")

    assert is_in(enter(half_way(), codes[0]))
    assert not is_in(enter(half_way(), codes[0]))


def test_the_app_signs_in_although_the_codes_are_lost(carla):
    """Codes are the older row where the app was removed and set up again beside a passkey."""
    app = Authenticator.objects.get(type="totp")
    Authenticator.objects.filter(pk=app.pk).delete()
    TOTP.activate(carla, SECRET)
    lose(carla, "recovery_codes")

    assert NOT_RIGHT in enter(half_way(), "000000").content.decode()
    assert is_in(enter(half_way(), code()))
    assert NOT_RIGHT in enter(half_way(), code()).content.decode()


@pytest.mark.parametrize("typed", ["000000", "12345678"])
def test_who_has_lost_the_app_s_secret_is_told_what_helps(carla, typed):
    lose(carla, "totp")

    shown = enter(half_way(), typed).content.decode()

    assert APP_LOST in shown
    assert "recovery code" in shown
    assert "ask a manager" in shown


def test_confirming_goes_the_same_ways(carla, signed_in, clock):
    client = signed_in(carla)
    codes = RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).get_unused_codes()
    lose(carla, "totp")
    clock.shift(301)

    assert APP_LOST in client.post(CONFIRM, {"code": "000000"}).content.decode()
    assert client.post(CONFIRM, {"code": codes[0]}).status_code == 302


def test_guessing_is_still_throttled(carla):
    codes = RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).get_unused_codes()
    lose(carla, "totp")
    client = half_way()
    for number in range(5):
        enter(client, f"{number:08}", REMOTE_ADDR=f"192.0.2.{number}")

    assert "Too many failed tries." in enter(client, codes[0]).content.decode()


def test_what_is_lost_is_removed_and_set_up_again(carla, signed_in):
    lose(carla, "totp", "recovery_codes")

    signed_in(carla).post("/staff/2fa/totp/deactivate/")

    assert not Authenticator.objects.filter(user=carla).exists()

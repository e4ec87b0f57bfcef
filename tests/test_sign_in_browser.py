"""Signing in in a real browser: the app and its codes, passkeys, and pages for everybody."""

import re
import time

import pytest
from allauth.mfa.totp.internal import auth as totp

from tests.conftest import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE = {"width": 320, "height": 640}
DESK = {"width": 1280, "height": 900}
EXPORT = "/admin/consultations/consultationrequest/export/"
BOTH = pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])


@pytest.fixture(autouse=True)
def required(live_site, settings):
    settings.SECOND_FACTOR_REQUIRED = True


@pytest.fixture
def looked_at(axe):
    """`looked_at(page)` fails when the page is not for everybody or does not fit."""

    def looked_at(page):
        assert axe(page) == [], page.url
        assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]

    return looked_at


def password(page, user):
    page.goto("/staff/login/")
    page.get_by_label("User name or email").fill(user.username)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def shown_by_the_app(secret, after=0):
    """The code of a period that begins later than the one of `after` (Unix time)."""
    period = max(int(time.time()) // 30, after // 30 + 1 if after else 0)
    return totp.format_hotp_value(totp.hotp_value(secret, period))


def sign_out(page):
    page.goto("/staff/logout/")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/")


def add_device(page):
    """A device with passkeys that lets its owner in without asking."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    device = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return cdp, device["authenticatorId"]


def set_up_app(page):
    page.goto("/staff/2fa/totp/activate/")
    secret = page.locator(".secret").inner_text()
    began = int(time.time())
    page.get_by_label("Authenticator code").fill(shown_by_the_app(secret))
    page.get_by_role("button", name="Set up").click()
    page.get_by_role("heading", name="Recovery codes").wait_for()
    return secret, began


def set_up_passkey(page):
    page.goto("/staff/2fa/webauthn/add/")
    page.get_by_role("button", name="Add the passkey").click()
    page.wait_for_url(re.compile("/staff/2fa/(recovery-codes/)?$"))


@BOTH
@SCHEMES
def test_with_an_app(open_page, practice, coordinator, looked_at, viewport, scheme):
    page = open_page(viewport=viewport, color_scheme=scheme)
    page.goto("/staff/login/")
    looked_at(page)
    password(page, coordinator)
    page.get_by_text("Set up a second factor first").wait_for()
    looked_at(page)
    page.get_by_role("link", name="Set up an app").click()
    assert page.locator(".qr svg").is_visible()
    looked_at(page)
    secret, began = set_up_app(page)
    looked_at(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as a file").click()
    codes = [line for line in download.value.path().read_text().splitlines() if line]
    assert codes == page.locator(".codes code").all_inner_texts()
    page.get_by_role("link", name="I have them: go on").click()
    looked_at(page)
    page.get_by_role("link", name="Go to the admin").click()
    page.get_by_role("heading", name="Overview").wait_for()

    sign_out(page)
    password(page, coordinator)
    page.get_by_role("heading", name="Your second factor").wait_for()
    looked_at(page)
    page.get_by_label("Code").fill("12345x")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").get_by_text("This code is not right").first.wait_for()
    looked_at(page)
    page.get_by_label("Code").fill(shown_by_the_app(secret, began))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/admin/")


def test_with_an_app_without_scripts(open_page, practice, coordinator):
    page = open_page(viewport=PHONE, java_script_enabled=False)
    password(page, coordinator)
    assert not page.get_by_role("button", name="Sign in with a passkey").is_visible()
    secret, began = set_up_app(page)
    codes = page.locator(".codes code").all_inner_texts()
    page.goto("/staff/2fa/webauthn/add/")
    assert page.get_by_text("This browser does not offer passkeys here.").is_visible()
    assert not page.get_by_role("button", name="Add the passkey").is_visible()
    for answer in (shown_by_the_app(secret, began), codes[0]):
        sign_out(page)
        password(page, coordinator)
        page.get_by_label("Code").fill(answer)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/admin/")


@BOTH
@SCHEMES
def test_with_a_passkey(open_page, practice, manager, looked_at, viewport, scheme, settings):
    page = open_page(viewport=viewport, color_scheme=scheme)
    cdp, device = add_device(page)
    password(page, manager)
    page.get_by_role("link", name="Add a passkey").click()
    looked_at(page)
    set_up_passkey(page)
    (stored,) = cdp.send("WebAuthn.getCredentials", {"authenticatorId": device})["credentials"]
    assert stored["isResidentCredential"]
    page.get_by_role("link", name="I have them: go on").click()
    page.get_by_role("link", name="See your passkeys").click()
    page.get_by_text("Signs you in alone.").wait_for()
    looked_at(page)

    sign_out(page)
    page.goto("/staff/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/admin/")

    sign_out(page)
    password(page, manager)
    page.get_by_role("button", name="Use your passkey").wait_for()
    looked_at(page)
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url("**/admin/")

    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
    page.goto(EXPORT)  # Who came with a passkey is asked for it.
    page.get_by_role("heading", name="Is it still you?").wait_for()
    looked_at(page)
    page.get_by_role("link", name="Use your password").click()
    looked_at(page)
    page.get_by_role("link", name="Use your passkey").click()
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url(f"**{EXPORT}")


def test_a_passkey_that_is_not_used_says_so_kindly(open_page, practice, coordinator):
    page = open_page()
    cdp, device = add_device(page)
    password(page, coordinator)
    set_up_passkey(page)
    sign_out(page)
    cdp.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": device})
    cdp.send("WebAuthn.disable")
    page.goto("/staff/login/")
    page.evaluate(
        "() => { navigator.credentials.get = async () => "
        "{ throw new DOMException('', 'NotAllowedError') } }"
    )
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.get_by_role("alert").get_by_text("No passkey was used.").wait_for()


def test_a_passkey_that_was_removed_is_refused_kindly(open_page, practice, coordinator):
    from allauth.mfa.models import Authenticator

    page = open_page()
    add_device(page)
    password(page, coordinator)
    set_up_passkey(page)
    sign_out(page)
    Authenticator.objects.all().delete()
    page.goto("/staff/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.get_by_text("This passkey was not accepted.").wait_for()
    assert "/staff/login/" in page.url


@BOTH
@SCHEMES
def test_a_form_waits_while_one_confirms(
    open_page, practice, manager, looked_at, viewport, scheme, settings, problems
):
    problems.allow("403 (Forbidden)")
    page = open_page(viewport=viewport, color_scheme=scheme)
    password(page, manager)
    set_up_app(page)
    page.goto(EXPORT)
    page.locator("[name=reason]").fill("Yearly review of waiting times")
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
    page.locator("main button[type=submit]").first.click()
    page.get_by_role("heading", name="Is it still you?").wait_for()
    looked_at(page)
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    with page.expect_download() as download:
        page.get_by_role("button", name="Confirm and go on").click()
    assert download.value.suggested_filename.startswith("requests-")


@BOTH
@SCHEMES
def test_the_other_pages(open_page, practice, coordinator, looked_at, viewport, scheme, problems):
    problems.allow("429 (Too Many Requests)")
    page = open_page(viewport=viewport, color_scheme=scheme)
    for path in ("password/reset/", "password/reset/done/", "password/reset/key/1-x/"):
        page.goto(f"/staff/{path}")
        looked_at(page)
    password(page, coordinator)
    set_up_app(page)
    for path in (
        "password/change/",
        "logout/",
        "2fa/totp/deactivate/",
        "2fa/recovery-codes/",
        "2fa/recovery-codes/generate/",
        "2fa/webauthn/",
        "reauthenticate/",
        "2fa/reauthenticate/",
    ):
        page.goto(f"/staff/{path}")
        looked_at(page)
    for _ in range(4):
        page.goto("/staff/password/reset/")
        page.get_by_label("Email").fill("nobody@example.com")
        page.get_by_role("button", name="Send the link").click()
    page.get_by_role("heading", name="Too many tries").wait_for()
    looked_at(page)

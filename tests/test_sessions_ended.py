"""Whoever ends a session from elsewhere: the account's change, its owner, a superuser."""

import pytest
from allauth.core.context import request_context
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, Permission
from django.contrib.auth.signals import user_logged_in
from django.test import Client, RequestFactory

from practice.accounts.session_store import (
    LONGEST_DEVICE,
    SessionStore,
    StaffSession,
    stored_key,
)
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
OWN = "/staff/sessions/"
STATE = "/staff/session/"


def is_signed_in(client):
    return client.get(STATE).json()["left"] > 0


# --- Ended from elsewhere --------------------------------------------------------------------


@pytest.fixture
def two(signed_in, coordinator, practice):
    return signed_in(coordinator), signed_in(coordinator)


def change_role(user):
    user.groups.add(Group.objects.get(name="Editor"))


def take_role_away_from_the_role(user):
    Group.objects.get(name="Coordinator").user_set.remove(user)


def take_all_roles_away(user):
    user.groups.clear()


def give_permission(user):
    user.user_permissions.add(Permission.objects.get(codename="export_request"))


def close_account(user):
    user.is_active = False
    user.save()


def leave_the_staff(user):
    user.is_staff = False
    user.save()


def set_password(user):
    user.set_password("another horse battery staple")
    user.save()


def make_superuser(user):
    user.is_superuser = True
    user.save()


def remove_factor(user):
    Authenticator.objects.filter(user=user, type="totp").delete()


@pytest.mark.parametrize(
    "change",
    [
        *(change_role, take_role_away_from_the_role, take_all_roles_away, give_permission),
        *(close_account, leave_the_staff, set_password, make_superuser, remove_factor),
    ],
)
def test_a_change_of_the_account_ends_its_sessions_at_once(
    two, coordinator, manager, signed_in, change
):
    other = signed_in(manager)
    change(coordinator)
    assert not StaffSession.objects.filter(user=coordinator).exists()
    assert not any(is_signed_in(client) for client in two)
    assert is_signed_in(other)


def rename(user):
    user.first_name = "Carlotta"
    user.save()


def sign_in_elsewhere(user):
    Client().force_login(user)


def new_recovery_codes(user):
    row = Authenticator.objects.create(user=user, type="recovery_codes", data={})
    row.delete()


def spare_factor_added(user):
    Authenticator.objects.create(user=user, type="webauthn", data={"name": "Spare"})


@pytest.mark.parametrize(
    "change", [rename, sign_in_elsewhere, new_recovery_codes, spare_factor_added]
)
def test_other_changes_end_none(two, coordinator, manager, signed_in, change):
    other = signed_in(manager)
    change(coordinator)
    change(manager)
    assert all(is_signed_in(client) for client in (*two, other))


def test_whoever_removes_a_spare_factor_of_their_own_keeps_the_browser_in_hand(two, coordinator):
    here, there = two
    remove_in(here, coordinator, of=coordinator)
    assert is_signed_in(here)
    assert not is_signed_in(there)


def test_a_factor_that_a_colleague_removes_ends_all_and_none_of_the_colleague_s(
    two, coordinator, manager, signed_in
):
    theirs = signed_in(manager)
    remove_in(theirs, manager, of=coordinator)
    assert not any(is_signed_in(client) for client in two)
    assert is_signed_in(theirs)


def remove_in(client, user, *, of):
    """Takes a factor `of` somebody away, in a request of the user's browser."""
    factor = Authenticator.objects.create(user=of, type="webauthn", data={"name": "Spare"})
    request = RequestFactory().get("/")
    request.user, request.session = user, client.session
    with request_context(request):
        factor.delete()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("203.0.113.7", "203.0.113.7"), ("2001:db8::7", "2001:db8::7"), ("", None)],
    ids=["IPv4", "IPv6", "through a socket"],
)
def test_a_sign_in_is_kept_with_its_address_and_device(coordinator, sent, kept):
    request = RequestFactory().get("/", REMOTE_ADDR=sent, HTTP_USER_AGENT="Fire\0fox" + "x" * 5_000)
    request.session = SessionStore()
    user_logged_in.send(type(coordinator), request=request, user=coordinator)
    request.session.save()
    row = StaffSession.objects.get(pk=stored_key(request.session.session_key))
    assert row.address == kept
    assert row.device.startswith("Firefoxxx")
    assert len(row.device) == LONGEST_DEVICE


def test_changing_one_s_password_ends_the_others_and_keeps_the_browser_in_hand(two, coordinator):
    here, there = two
    new = "another horse battery staple"
    answers = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert here.post("/staff/password/change/", answers).status_code == 302
    assert is_signed_in(here)
    assert not is_signed_in(there)
    assert StaffSession.objects.filter(user=coordinator).count() == 1


# --- One's own sign-ins ----------------------------------------------------------------------


def sign_in_from(device, user, signed_in):
    client = signed_in(user)
    StaffSession.objects.order_by("started_at").filter(device="").update(
        device=device, address="203.0.113.7"
    )
    return client


@pytest.mark.parametrize(
    ("device", "name"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; rv:130.0) Gecko/20100101 Firefox/130.0",
            "Firefox on Windows",
        ),
        ("Mozilla/5.0 (Macintosh) AppleWebKit Chrome/130.0 Safari/537.36", "Chrome on Mac"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/130 Safari/537.36 Edg/130", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0) Version/17.0 Safari/604.1", "Safari on iPhone"),
        ("", "A browser"),
    ],
)
def test_devices_are_named_so_that_one_knows_one_s_own(device, name):
    assert StaffSession(device=device).device_name == name


def test_the_page_lists_one_s_own_sign_ins_and_no_key(signed_in, coordinator, manager, practice):
    sign_in_from("Mozilla (iPhone) Safari", coordinator, signed_in)
    sign_in_from("Mozilla (Windows) Firefox", manager, signed_in)
    client = sign_in_from("Mozilla (Macintosh) Chrome", coordinator, signed_in)
    shown = client.get(OWN).content.decode()
    assert "Safari on iPhone" in shown
    assert "Chrome on Mac – this one" in shown
    assert "203.0.113.7" in shown
    assert "Firefox on Windows" not in shown
    for row in StaffSession.objects.all():
        assert row.session_key not in shown
    assert client.cookies["__Host-session"].value not in shown


def test_one_other_browser_can_be_signed_out(two, coordinator):
    here, there = two
    theirs = StaffSession.objects.get(pk=stored_key(there.cookies["__Host-session"].value))
    response = here.post(OWN, {"end": theirs.handle}, follow=True)
    assert "That browser is signed out." in response.content.decode()
    assert is_signed_in(here)
    assert not is_signed_in(there)
    again = here.post(OWN, {"end": theirs.handle}, follow=True)
    assert "signed out already" in again.content.decode()


def test_all_others_can_be_signed_out_at_once(two, signed_in, coordinator, manager):
    here, there = two
    other = signed_in(manager)
    assert "1 other browser." in here.post(OWN, {"end": "others"}, follow=True).content.decode()
    assert is_signed_in(here)
    assert not is_signed_in(there)
    assert is_signed_in(other)


def test_signing_this_one_out_is_signing_out(two):
    here, there = two
    own = StaffSession.objects.get(pk=stored_key(here.cookies["__Host-session"].value))
    assert here.post(OWN, {"end": own.handle})["Location"] == "/staff/login/"
    assert not is_signed_in(here)
    assert is_signed_in(there)


@pytest.mark.parametrize("end", ["", "x", "0" * 36, "%00", "others'"])
def test_nobody_ends_what_is_not_theirs(two, signed_in, manager, end):
    stranger = signed_in(manager)
    number = StaffSession.objects.count()
    theirs = StaffSession.objects.exclude(user=manager).first()
    stranger.post(OWN, {"end": end})
    stranger.post(OWN, {"end": theirs.handle})
    assert StaffSession.objects.count() == number


def test_the_page_and_the_state_are_for_staff_who_are_signed_in(client):
    nobody = Client()
    assert nobody.get(OWN)["Location"] == f"/staff/login/?next={OWN}"
    assert nobody.get(STATE).json() == {"who": "", "left": 0}
    assert nobody.post(STATE).json() == {"who": "", "left": 0}


# --- Staff accounts in the admin -------------------------------------------------------------


def sign_out(client, *users):
    answers = {"action": "sign_out_everywhere", "_selected_action": [user.pk for user in users]}
    return client.post("/admin/practice/user/", answers, follow=True).content.decode()


@pytest.fixture
def owner(django_user_model):
    return django_user_model.objects.create_superuser("owner", "owner@example.com", PASSWORD)


def test_who_may_change_an_account_ends_its_sessions(two, coordinator, owner, signed_in):
    client = signed_in(owner)
    assert "signed out of 2 browsers" in sign_out(client, coordinator)
    assert not any(is_signed_in(each) for each in two)
    assert is_signed_in(client)


def test_a_superuser_s_sessions_only_a_superuser_ends(owner, staff, signed_in, practice):
    helper = staff("Manager", "helen")
    helper.user_permissions.add(
        *Permission.objects.filter(codename__in=("change_user", "view_user"))
    )
    theirs = signed_in(owner)
    assert "You may not sign owner out." in sign_out(signed_in(helper), owner)
    assert is_signed_in(theirs)

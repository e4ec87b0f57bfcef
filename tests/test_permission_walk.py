"""Every address that the site answers, as nobody and as everybody; no address is forgotten.

The admin's own addresses are in roles_matrix.txt (test_roles_matrix.py); here are all others,
in addresses.txt, and what holds for the admin whatever is added to it.
"""

from copy import deepcopy
from pathlib import Path

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.test import Client
from django.urls import get_resolver

from consultations import roles
from consultations.models import Photo
from consultations.patient_page import private_link
from consultations.views import RECEIPT
from tests import admin_addresses
from tests.conftest import PASSWORD
from tests.test_roles_matrix import expected as matrix

pytestmark = [pytest.mark.django_db, pytest.mark.once]
TABLE = Path(__file__).with_name("addresses.txt")
METHODS = ("get", "post", "head", "options")
ADMIN = "admin/"


def routes(patterns=None, prefix=""):
    """(name, route) of every address outside of the admin."""
    for pattern in patterns if patterns is not None else get_resolver().url_patterns:
        route = f"{prefix}{pattern.pattern}"
        if route.startswith(ADMIN):
            continue
        if hasattr(pattern, "url_patterns"):
            yield from routes(pattern.url_patterns, route)
        else:
            yield pattern.name or route, route


def expected():
    """Name → [the address, what nobody gets by GET and by POST, what staff get by each]."""
    lines = [line.split() for line in TABLE.read_text().splitlines() if line and line[0] != "#"]
    return {name: found for name, *found in lines}


def status(client, method, address):
    """What the address answers; whatever it did is taken back, signing out included."""
    cookies = deepcopy(client.cookies)
    with transaction.atomic():
        response = getattr(client, method)(address)
        transaction.set_rollback(True)
    client.cookies = cookies
    return str(response.status_code)


@pytest.fixture
def row(a_request, procedure, surgeon, surgeon_user):
    return a_request(procedure=procedure, surgeon=surgeon)


@pytest.fixture
def photo(row):
    return Photo.objects.create(
        request=row, stored_as="missing", width=1, height=1, bytes=1, digest="0"
    )


@pytest.fixture
def everybody(signed_in, editor, coordinator, surgeon_user, manager, auditor, django_user_model):
    owner = django_user_model.objects.create_superuser("owner", "owner@example.com", PASSWORD)
    users = (editor, coordinator, surgeon_user, manager, auditor, owner)
    return {user.username: user for user in users}


# --- Outside of the admin --------------------------------------------------------------------


def test_every_address_is_in_the_table_and_none_is_left_over():
    assert {name for name, _ in routes()} == expected().keys()


def test_every_address_answers_nobody_and_each_role_as_the_table_says(
    everybody, signed_in, row, settings
):
    settings.ROOT_URLCONF = "practice.urls"
    default_storage.save("walked.jpg", ContentFile(b"x"))
    filled = {"TOKEN": private_link.path(row).split("/")[3], "RECEIPT": RECEIPT.sign(row.reference)}
    clients = {name: signed_in(user) for name, user in everybody.items()}
    wrong = []
    for name, (sample, *statuses) in expected().items():
        address = sample.format(**filled)
        asked = [status(Client(), method, address) for method in ("get", "post")]
        for user, client in clients.items():
            found = asked + [status(client, method, address) for method in ("get", "post")]
            if found != statuses:
                wrong.append(f"{name} as {user}: {found}, the table says {statuses}")
    default_storage.delete("walked.jpg")
    assert not wrong, "\n".join(wrong)


# --- The admin -------------------------------------------------------------------------------


@pytest.fixture
def addresses(row, photo):
    """Name → address of everything in the admin, those that the matrix leaves out included."""
    keys = admin_addresses.keys(row)
    found = {
        name: admin_addresses.address(route, keys, row, photo)
        for name, route in admin_addresses.routes()
    }
    assert len(found) > 90
    more = ("password_change/", "password_change/done/", "jsi18n/", "nothing/", "consultations/")
    return found | {name: f"/admin/{name}" for name in more}


def test_the_admin_gives_nobody_anything_but_the_way_to_sign_in(addresses):
    for name, address in addresses.items():
        for method in METHODS:
            response = getattr(Client(), method)(address)
            assert response.status_code == 302, (name, method)
            assert response["Location"].startswith("/admin/login/?next=/admin/"), (name, method)
            assert not response.content, (name, method)
            assert not response.cookies, (name, method)
    assert Client().get("/admin/login/")["Location"].startswith("/staff/login/?next=")
    assert Client().post("/admin/logout/")["Location"] == "/admin/"


def outsider(user):
    user.is_staff = False
    user.save()


def left(user):
    user.is_active = False
    user.save()


@pytest.mark.parametrize("change", [outsider, left])
def test_an_account_that_is_no_longer_staff_gets_nothing(addresses, staff, signed_in, change, row):
    """Even with every permission, and with a session that was opened just now."""
    user = staff("Manager", "moved")
    user.user_permissions.set(Permission.objects.all())
    change(user)
    client = signed_in(user)
    for name, address in addresses.items():
        for method in ("get", "post"):
            response = getattr(client, method)(address)
            assert response.status_code in (302, 403), (name, method)
            assert row.full_name not in response.content.decode(), (name, method)
            if response.status_code == 302:
                assert response["Location"].startswith("/admin/login/"), (name, method)


def test_without_a_second_factor_the_admin_shows_nothing_to_anybody(addresses, everybody, row):
    for user in everybody.values():
        client = Client()
        client.force_login(user)
        for name, address in addresses.items():
            for method in ("get", "post"):
                response = getattr(client, method)(address)
                assert response.status_code == 302, (name, method)
                assert response["Location"].startswith("/staff/"), (name, method)


def test_staff_without_a_role_see_an_empty_admin(addresses, django_user_model, signed_in, row):
    client = signed_in(django_user_model.objects.create_user("new", is_staff=True))
    everybodys = {"index", "jsi18n/", "password_change/", "password_change/done/"}
    for name, address in addresses.items():
        answers = {method: getattr(client, method)(address) for method in ("get", "post")}
        for method, response in answers.items():
            allowed = (200, 302, 405) if name in everybodys else (302, 403, 404, 405)
            assert response.status_code in allowed, (name, method, response.status_code)
            assert row.full_name not in response.content.decode(), name


# Models whose permission has another name, and those that nobody may change in the admin.
OTHER_PERMISSIONS = {"mfa_authenticator": "remove_second_factor"}
# Leads to the request's page, which asks in its turn.
LED_ON = {"consultations_consultationrequest_history"}
NEEDED = {
    "changelist": ("view", "change"),
    "change": ("view", "change"),
    "history": ("view", "change"),
    "add": ("add",),
    "delete": ("delete",),
}
COLUMNS = ("Editor", "Coordinator", "Surgeon", "Manager", "Auditor")


def test_the_matrix_lets_nobody_do_what_their_role_does_not_hold():
    """The table could be wrong in the same way as the code; consultations/roles.py decides."""
    compared = 0
    for (method, name), (nobody, *statuses, _superuser) in matrix().items():
        app, _, rest = name.partition("_")
        model, _, action = rest.partition("_")
        if action not in NEEDED or name in LED_ON:
            continue
        assert nobody == "302", name
        for role, found in zip(COLUMNS, statuses, strict=True):
            held = roles.permissions(role)
            needed = {(app, roles.codename(each, model)) for each in NEEDED[action]}
            if other := OTHER_PERMISSIONS.get(f"{app}_{model}"):
                needed = {("practice", other)}
            if not needed & held:
                compared += 1
                assert found in ("403", "405"), f"{method} {name} as {role}"
    assert compared > 150


def test_every_model_of_the_admin_is_in_the_matrix():
    named = {name.rpartition("_")[0] for _, name in matrix() if name.endswith("_changelist")}
    registered = {
        f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry
    }
    assert registered == named

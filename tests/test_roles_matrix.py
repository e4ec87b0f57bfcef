"""Every address of the admin as every role, against the table in roles_matrix.txt."""

import re
from datetime import date
from pathlib import Path

import pytest
from django.contrib import admin
from django.db import transaction
from django.test import Client

from consultations import roles
from consultations.models import Consent, ContactAttempt, Event, Photo
from tests import admin_addresses

pytestmark = [pytest.mark.django_db, pytest.mark.once]
TABLE = Path(__file__).with_name("roles_matrix.txt")
MATRIX = Path(__file__).parent.parent / "docs" / "roles.md"
REQUEST = "consultations_consultationrequest_"
CHANGES = ("_add", "_change", "_delete", "_restore", "_discard_draft", "password_change")


def expected():
    """(method, name) → the statuses, in the order of the columns."""
    lines = [line.split() for line in TABLE.read_text().splitlines() if line[0] != "#"]
    return {(method, name): statuses for method, name, *statuses in lines}


@pytest.fixture
def row(a_request, procedure, surgeon, surgeon_user):
    """A request that the surgeon may see."""
    return a_request(procedure=procedure, surgeon=surgeon)


@pytest.fixture
def photo(row):
    return Photo.objects.create(
        request=row, stored_as="missing", width=1, height=1, bytes=1, digest="0"
    )


@pytest.fixture
def everybody(signed_in, editor, coordinator, surgeon_user, manager, auditor, django_user_model):
    """A client for each column of the table."""
    owner = django_user_model.objects.create_superuser("owner", "owner@example.com", "x")
    users = (editor, coordinator, surgeon_user, manager, auditor, owner)
    return [Client(), *(signed_in(user) for user in users)]


def status(client, method, address):
    """What the address answers; whatever it did is taken back."""
    with transaction.atomic():
        response = getattr(client, method.lower())(address)
        transaction.set_rollback(True)
    return str(response.status_code)


def test_every_address_answers_each_role_as_the_table_says(everybody, row, photo):
    from practice.models import Closure

    Closure.objects.create(first_day=date(2030, 1, 1), last_day=date(2030, 1, 1), reason="Test")
    keys = admin_addresses.keys(row)
    table = expected()
    found = {}
    for name, route in admin_addresses.routes():
        address = admin_addresses.address(route, keys, row, photo)
        for method in ("GET", "POST"):
            if method == "GET" or REQUEST in name or name.endswith(CHANGES):
                found[method, name] = [status(client, method, address) for client in everybody]
    wrong = [
        f"{key}: {found.get(key)}, the table says {table.get(key)}"
        for key in sorted(found.keys() | table.keys())
        if found.get(key) != table.get(key)
    ]
    assert not wrong, "\n".join(wrong)


def test_surgeons_reach_nothing_of_other_people_s_requests(signed_in, surgeon_user, a_request):
    row = a_request()
    photo = Photo.objects.create(request=row, stored_as="x", width=1, height=1, bytes=1, digest="0")
    client, keys = signed_in(surgeon_user), {"consultations/consultationrequest": row.pk}
    before = Event.objects.count()
    walked = 0
    for name, route in admin_addresses.routes():
        if not name.startswith(REQUEST) or "<" not in route:
            continue
        walked += 1
        for method in ("get", "post"):
            response = getattr(client, method)(
                admin_addresses.address(route, keys, row, photo), {"note": "x", "to": "spam"}
            )
            assert response.status_code in (302, 403, 404), name
            if response.status_code == 302 and not name.endswith("history"):
                assert response["Location"] == "/admin/", name
            assert row.full_name not in response.content.decode(), name
    assert walked > 20
    assert Event.objects.count() == before


def test_requests_are_not_found_for_a_surgeon_in_lists_and_searches(
    signed_in, surgeon_user, a_request
):
    row = a_request(full_name="Somebody Else")
    client = signed_in(surgeon_user)
    for query in ({}, {"view": "all"}, {"q": "Somebody"}, {"q": row.reference}):
        response = client.get("/admin/consultations/consultationrequest/", query)
        assert row.full_name not in response.content.decode().replace('value="Somebody', "")


@pytest.mark.parametrize("model", [Event, ContactAttempt, Consent, Photo])
def test_what_happened_has_no_form_that_could_change_it(model):
    assert not admin.site.is_registered(model)


def test_an_event_refuses_to_be_saved_again(row):
    event = row.events.get()
    event.summary = "Another story"
    with pytest.raises(TypeError):
        event.save()


# --- docs/roles.md -------------------------------------------------------------------------


def documented():
    """Role → the permissions that docs/roles.md marks with “yes”."""
    lines = [line for line in MATRIX.read_text().splitlines() if line.startswith("|")]
    head, rows = lines[0], lines[2:]
    columns = [cell.strip() for cell in head.strip("|").split("|")][2:]
    found = {role: set() for role in columns}
    for line in rows:
        _, permissions, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        for role, cell in zip(columns, cells, strict=True):
            if cell == "yes":
                found[role] |= set(re.findall(r"`([\w.]+)`", permissions))
    return found


@pytest.mark.parametrize("role", roles.ROLES)
def test_the_documented_matrix_is_the_one_that_holds(role):
    held = {f"{app}.{name}" for app, name in roles.permissions(role)}
    assert documented()[role] == held

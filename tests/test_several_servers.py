"""Two web servers on one PostgreSQL, one Redis and one object store are one site: what one knows
the other knows at the very next request."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlencode

import pytest
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from tests import picture_files
from tests.conftest import PASSWORD
from tests.pages import Page
from tests.patients import REFERENCE, Patient
from tests.processes import Response, look, visit
from tests.two_servers import (
    ACCOUNT,
    assert_each_is_stored_once_as_told,
    people,
    rows_of,
    signed_in,
    try_to_sign_in,
)

pytestmark = pytest.mark.servers
pytest_plugins = ["tests.two_servers"]


def save(site, path, cookie, **changes):
    """Opens an admin form, changes something, and presses its button."""
    opened = visit(site, path, cookie=cookie)
    assert opened.status_code == 200
    csrf = next(
        each.partition(";")[0]
        for each in opened.headers.get_all("Set-Cookie")
        if "csrf" in each.partition("=")[0]
    )
    fields = Page(opened).fields | changes
    return visit(site, path, urlencode(fields), cookie=f"{cookie}; {csrf}")


def test_what_is_published_on_one_is_seen_on_the_other_at_the_very_next_request(servers):
    cookie = signed_in(servers)
    # Given pages that both have shown before, so that whatever keeps them has kept them
    for site in servers.both * 3:
        assert look(site, "/").status == 200

    for number in range(6):
        here, there = servers.both if number % 2 else reversed(servers.both)
        tagline = f"Plain facts, number {number}."
        saved = save(here, "/admin/practice/practice/1/change/", cookie, tagline=tagline)

        assert saved.status_code == 302
        assert tagline in look(there, "/").text
        assert tagline in look(here, "/").text


def test_somebody_signed_in_on_one_is_signed_in_on_the_other_and_out_of_both(servers):
    cookie = signed_in(servers, "olga")
    assert {visit(site, "/admin/", cookie=cookie).status_code for site in servers.both} == {200}

    servers.a.ask(
        "from practice.models import User; from practice.accounts.sessions import end_all\n"
        "end_all(User.objects.get(username='olga'))"
    )

    assert {visit(site, "/admin/", cookie=cookie).status_code for site in servers.both} == {302}


def test_five_wrong_passwords_on_one_server_close_the_other_to_that_name(servers):
    servers.a.ask(ACCOUNT, name="paula", password=PASSWORD)
    for number in range(5):
        refused = try_to_sign_in(servers.a, "paula", "wrong", f"192.0.2.{number}")
        assert "do not match" in Page(refused).text

    blocked = try_to_sign_in(servers.b, "paula", PASSWORD, "192.0.2.77")

    assert blocked.status_code != 302
    assert "Too many failed tries" in Page(blocked).text


class Neighbour(Patient):
    """All of them at one address."""

    @property
    def address(self):
        return "203.0.113.50"


def test_the_limit_of_one_address_is_exact_over_both(servers):
    senders = people(13, *servers.both, kind=Neighbour)
    with ThreadPoolExecutor(13) as pool:
        list(pool.map(Patient.send, senders))

    found = Counter(row["status"] for rows in rows_of(servers, senders).values() for row in rows)

    assert found == {"new": 5, "quarantined": 8}


def test_a_form_that_one_gave_out_is_received_by_the_other(servers):
    senders = people(4, *servers.both)
    for each in senders:
        each.site = servers.b if each.site is servers.a else servers.a
        each.send()

    assert_each_is_stored_once_as_told(servers, senders)
    # And whoever presses twice, once here and once there, is received once
    (twice,) = people(1, servers.a)
    twice.send()
    twice.site = servers.b
    twice.send()
    assert len(twice.references) == 1
    assert_each_is_stored_once_as_told(servers, [twice])


def test_a_photograph_sent_to_one_is_seen_on_the_other(servers):
    (person,) = people(1, servers.a)
    person.send()
    confirmation = look(servers.b, person.receipt)
    private = next(link for link in confirmation.links if "/consultation/request/" in link)
    assert person.references == set(REFERENCE.findall(look(servers.b, private).text))

    sent = send_photograph(servers.a, private, person.cookie)

    assert sent.status_code == 302
    assert [name.partition("/")[0] for name in servers.store.names()] == ["private"]
    assert "Front" in look(servers.b, private).text
    row, photo = servers.a.ask(
        "from consultations.models import Photo\n"
        "photo = Photo.objects.get(); answer = [photo.request_id, photo.pk]"
    )
    seen = visit(
        servers.b,
        f"/admin/consultations/consultationrequest/{row}/photo/{photo}/",
        cookie=signed_in(servers),
    )
    assert seen.content.startswith(b"\xff\xd8\xff")


def send_photograph(site, private, cookie):
    page = look(site, private, cookie=cookie)
    fields = {
        "csrfmiddlewaretoken": page.fields["csrfmiddlewaretoken"],
        "photos-view_0": picture_files.upload(picture_files.plain((400, 300)), "a.jpg"),
    }
    headers = {
        "Host": site.host,
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "203.0.113.9",
        "Origin": f"https://{site.host}",
        "Content-Type": MULTIPART_CONTENT,
        "Cookie": cookie,
    }
    with closing(site.connect(30)) as connection:
        body = encode_multipart(BOUNDARY, fields)
        connection.request("POST", f"{private}photos/", body, headers)
        return Response(connection.getresponse())

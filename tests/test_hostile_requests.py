"""Requests that no browser of ours would send: refused, and nothing is told or changed."""

import json
from urllib.parse import quote, urljoin, urlsplit

import pytest
from django.test import Client
from post_office.models import Email

from consultations.models import ConsultationRequest, Event
from consultations.patient_page import private_link
from tests import admin_addresses
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
REQUESTS = "/admin/consultations/consultationrequest/"
EVIL = "evil.example"


def client():
    return Client(raise_request_exception=False)


@pytest.fixture
def at_work(signed_in, coordinator):
    client = signed_in(coordinator)
    client.raise_request_exception = False
    return client


def text(response):
    return b"".join(response).decode(errors="replace")


# --- Another host ----------------------------------------------------------------------------

WRONG_HOSTS = [
    *(EVIL, f"testserver.{EVIL}", f"{EVIL}:443", f"testserver@{EVIL}", f"{EVIL}#testserver"),
    *("testserver:80:80", "", " testserver", "testserver/", "-", "[::1", "*"),
]


@pytest.mark.parametrize("host", WRONG_HOSTS, ids=repr)
@pytest.mark.parametrize("address", ["/", "/staff/password/reset/", "/healthz/x", "/admin/"])
def test_a_wrong_host_gets_nothing_and_is_not_repeated(practice, host, address):
    response = client().get(address, headers={"host": host})
    assert response.status_code == 400
    assert EVIL not in text(response)


@pytest.mark.parametrize(
    "header",
    ["x-forwarded-host", "x-host", "forwarded", "x-original-url", "x-rewrite-url", "x-real-ip"],
)
@pytest.mark.parametrize("address", ["/", "/consultation/", "/sitemap.xml", "/robots.txt"])
def test_what_a_proxy_might_say_of_the_host_is_not_believed(procedure, header, address):
    response = client().get(address, headers={header: EVIL})
    assert response.status_code == 200
    assert EVIL not in text(response)


@pytest.mark.parametrize(
    "address", ["/", "/procedures/rhinoplasty/", "/sitemap.xml", "/robots.txt", "/social/home.png"]
)
def test_addresses_that_are_handed_out_are_the_sites_own(procedure, address):
    """Under another name that the site also answers to."""
    shown = text(client().get(address, headers={"host": "localhost"}))
    assert "localhost" not in shown


def test_links_in_mails_are_the_sites_own(procedure, coordinator, answers):
    visitor = client()
    visitor.post("/consultation/", answers, headers={"host": "localhost"})
    visitor.post(
        "/staff/password/reset/", {"email": coordinator.email}, headers={"host": "localhost"}
    )
    mails = list(Email.objects.all())
    assert len(mails) == 3
    for mail in mails:
        whole = f"{mail.subject}{mail.message}{mail.html_message}{mail.headers}"
        assert "localhost" not in whole.replace("@localhost", "")


# --- Led elsewhere ---------------------------------------------------------------------------

ELSEWHERE = [
    *(
        f"//{EVIL}",
        f"///{EVIL}",
        f"////{EVIL}",
        f"https://{EVIL}",
        f"https:{EVIL}",
        f"http:/{EVIL}",
    ),
    *(f"https:///{EVIL}", f"\\\\{EVIL}", f"/\\{EVIL}", f"/\\/{EVIL}", f"\\/{EVIL}", f"/\t/{EVIL}"),
    *(f"\t//{EVIL}", f" //{EVIL}", f"\x08//{EVIL}", f"/\n/{EVIL}", f"\u00a0//{EVIL}"),
    *(f"https://testserver@{EVIL}", f"https://testserver.{EVIL}", f"//testserver:x@{EVIL}/"),
    *("javascript:alert(1)", "data:text/html,x", "java\tscript:alert(1)", f"ftp://{EVIL}"),
    *(f"/\r\nLocation: https://{EVIL}", f"/%0d%0aLocation:%20//{EVIL}", f"%2f%2f{EVIL}"),
    *(f"/%5c{EVIL}", f"/%09/{EVIL}", f"//{EVIL}/%2e%2e", "http://testserver\\@evil.example", "\0"),
]


def where(location):
    """The host that a browser would go to; "" for what is no web address."""
    cleaned = location.strip("".join(map(chr, range(33))))
    cleaned = "".join(each for each in cleaned if each not in "\t\r\n").replace("\\", "/")
    target = urlsplit(urljoin("http://testserver/x/", cleaned))
    return target.hostname if target.scheme in ("http", "https") else ""


def stays_here(response):
    assert response.status_code < 500
    if response.status_code in (301, 302, 303, 307, 308):
        assert "\r" not in response["Location"]
        assert where(response["Location"]) == "testserver", response["Location"]
    else:
        assert f'href="//{EVIL}' not in text(response)
        assert f'href="https://{EVIL}' not in text(response)


@pytest.mark.parametrize("target", ELSEWHERE, ids=repr)
def test_no_way_back_leads_elsewhere(practice, coordinator, a_request, signed_in, target):
    row = a_request()
    query = f"?next={quote(target)}"
    sign_in = {"login": "carla", "password": PASSWORD}
    known, seen = signed_in(coordinator), {"seen_status": "new", "next": target}
    tries = [
        client().post("/staff/login/", sign_in | {"next": target}),
        client().post(f"/staff/login/{query}", sign_in),
        client().post(f"/staff/login/?next=/admin/&next={quote(target)}", sign_in),
        client().get(f"/staff/login/{query}"),
        client().get(f"/admin/login/{query}"),
        client().get(f"/admin/{query}"),
        client().get(f"/staff/reauthenticate/{query}"),
        known.get(f"/admin/login/{query}"),
        known.get(f"/staff/login/{query}"),
        known.get(f"/staff/reauthenticate/{query}"),
        known.post(f"/staff/reauthenticate/{query}", {"password": PASSWORD}),
        known.post("/staff/reauthenticate/", {"password": PASSWORD, "next": target}),
        known.post(f"{REQUESTS}{row.pk}/claim/", seen),
        known.post(f"{REQUESTS}several/", {"act": "claim", "next": target}),
        known.post(f"{REQUESTS}several/", {"act": "claim", "chosen": row.pk, "next": target}),
        known.post("/staff/sessions/", {"end": "others", "next": target}),
        known.post(f"/staff/logout/{query}", {"next": target}),
        client().get(f"/search/{query}&q={quote(target)}"),
        client().get(f"/consultation/{query}"),
    ]
    for response in tries:
        stays_here(response)


def test_the_way_back_within_the_site_is_taken(practice, coordinator, signed_in):
    """Or the test above would pass because nothing is ever taken."""
    answers = {"password": PASSWORD, "next": REQUESTS}
    assert signed_in(coordinator).post("/staff/reauthenticate/", answers)["Location"] == REQUESTS


@pytest.mark.parametrize(
    "path", [f"//{EVIL}/procedures", f"/\\{EVIL}/procedures", f"//{EVIL}", f"///{EVIL}/%2e%2e/"]
)
def test_an_address_itself_leads_nowhere_else(practice, settings, path):
    stays_here(client().generic("GET", "/", PATH_INFO=path))
    settings.SECURE_SSL_REDIRECT = True
    stays_here(client().generic("GET", "/", PATH_INFO=path))


CLIMBS = [
    *("../practice/settings.py", "..%2fpractice/settings.py", "%2e%2e/practice/settings.py"),
    *("..\\practice\\settings.py", "....//practice/settings.py", "/etc/passwd", "//etc/passwd"),
    *("css/../../manage.py", "css/..%5c..%5cmanage.py", "%00", "css/site.css%00.png", "css/", "."),
    *("staticfiles.json", ".env", "css/site.css/", "admin/../../../manage.py", "C:/x"),
    # Back into a folder whose pictures are shown under conditions.
    *("./cases/x", "x/../cases/x", "%2e/cases/x", "//cases/x", "x%5c..%5ccases/x", "Cases/x"),
]


@pytest.mark.parametrize("folder", ["/static/", "/media/"])
@pytest.mark.parametrize("path", CLIMBS)
def test_nobody_climbs_out_of_a_folder_of_files(practice, folder, path):
    for address in (f"{folder}{path}", f"{folder}%2e%2e/{path}"):
        response = client().generic("GET", address)
        assert response.status_code in (301, 302, 400, 404), address
        assert "SECRET_KEY" not in text(response)
        stays_here(response)


# --- Methods and bodies ----------------------------------------------------------------------

METHODS = ["TRACE", "PUT", "PATCH", "DELETE", "CONNECT", "PROPFIND", "LOCK", "FOO"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("address", ["/", "/consultation/", "/admin/", "/static/css/site.css"])
def test_methods_that_no_page_needs_are_refused(practice, method, address):
    response = client().generic(method, address)
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD, POST, OPTIONS"


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_looking_does_nothing(at_work, a_request, coordinator, method):
    row = a_request()
    token = private_link.path(row)
    for act in ("claim/", "spam/", "send-again/", "presence/", "note/", "revoke-link/", "merge/"):
        getattr(at_work, method)(f"{REQUESTS}{row.pk}/{act}", {"note": "x", "to": "spam"})
    for act in ("withdraw/", "delete/", "contact/", "photos/"):
        getattr(client(), method)(f"{token}{act}")
    getattr(at_work, method)("/admin/logout/")
    now = ConsultationRequest.objects.get(pk=row.pk)
    assert (now.status, now.owner, now.deletion_asked_at) == ("new", None, None)
    assert at_work.get("/staff/session/").json()["left"] > 0


@pytest.mark.parametrize("header", ["x-http-method-override", "x-method-override", "x-http-method"])
def test_a_method_is_what_it_is(at_work, a_request, header):
    row = a_request()
    at_work.get(f"{REQUESTS}{row.pk}/claim/?_method=POST", headers={header: "POST"})
    row.refresh_from_db()
    assert row.owner is None


BODIES = [
    ("application/json", json.dumps({"login": "carla", "password": PASSWORD, "note": "x"})),
    ("application/json", "[" * 50_000),
    ("text/xml", "<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]><x>&y;</x>"),
    ("multipart/form-data", "x"),
    ("multipart/form-data; boundary=", "x"),
    ("multipart/form-data; boundary=é", "x"),
    ("application/x-www-form-urlencoded; charset=utf-7", "note=x"),
    ("application/x-www-form-urlencoded", "a=1&" * 1500),
    ("application/x-www-form-urlencoded", "note=%00%ff%ed%a0%80"),
    ("application/x-www-form-urlencoded", "note=" + "x" * 1_100_000),
    ("", "x"),
]


@pytest.mark.parametrize(("content_type", "body"), BODIES, ids=lambda each: each[:40])
def test_a_body_of_another_kind_is_no_error_of_ours_and_does_nothing(
    at_work, a_request, content_type, body
):
    row, number = a_request(), Event.objects.count()
    for address in ("/staff/login/", "/consultation/", "/staff/sessions/", "/staff/session/"):
        response = client().generic("POST", address, body, content_type)
        assert response.status_code < 500, address
        assert "__Host-session" not in response.cookies
    for act in ("claim/", "close/", "letter/", "merge/"):
        response = at_work.generic("POST", f"{REQUESTS}{row.pk}/{act}", body, content_type)
        assert response.status_code < 500, act
    assert Event.objects.filter(kind=Event.Kind.MOVED).count() == 0
    assert ConsultationRequest.objects.count() == 1
    assert number == 1


# --- Text that would become more than text ---------------------------------------------------

LINES = ["x\r\nBcc: evil@example.com", "x\nBcc: evil@example.com", "x\rBcc: e@example.com", "x\0y"]


@pytest.mark.parametrize("line", LINES, ids=repr)
def test_a_letter_gets_no_header_from_its_subject(at_work, a_request, line):
    row = a_request()
    letter = {"name": line, "subject": line, "body": "Please call us.", "step": "send"}
    at_work.post(f"{REQUESTS}{row.pk}/letter/", letter | {"seen_status": "new"})
    assert Email.objects.count() == ("\0" not in line)  # That one the form refuses.
    for mail in Email.objects.all():
        message = mail.email_message().message()
        assert message["Bcc"] is None
        assert len(message.get_all("Subject")) == 1
        assert mail.to == [row.email]
        assert not mail.bcc


@pytest.mark.parametrize("line", LINES, ids=repr)
def test_no_answer_gets_a_header_from_what_was_asked(at_work, practice, line):
    said = quote(line)
    for address in (f"/search/?q={said}", f"/procedures/{said}", f"/{said}", f"/media/{said}"):
        response = client().generic("GET", address)
        assert response.status_code < 500
        assert not any("\n" in value or "\r" in value for value in response.headers.values())
    for answers in ({"q": line}, {"next": f"/admin/{line}"}):
        response = at_work.post(REQUESTS, answers)
        assert response.status_code < 500


@pytest.mark.parametrize(
    "query",
    [
        *("q=" + "a" * 100_000, "&".join(f"a{n}=1" for n in range(1500)), "q=a&q=b&q=%00", "q[]=a"),
        *("view=all&view=%00&p=1&p=-1", "q=" + "%F0%9F%92%89" * 5000, "p=" + "9" * 5000, "&=&=;"),
    ],
    ids=lambda query: query[:20],
)
def test_long_doubled_and_broken_queries_are_no_error_of_ours(at_work, practice, query):
    for address in ("/", "/search/", "/consultation/", "/procedures/", "/staff/login/"):
        assert client().get(f"{address}?{query}").status_code < 500, address
    for address in (REQUESTS, "/admin/", f"{REQUESTS}export/", "/staff/session/"):
        assert at_work.get(f"{address}?{query}").status_code < 500, address


ODD_KEYS = ["0", "-1", "9" * 400, "x", "1 OR 1=1", "_5C0", "%00", "..%2f..", "1%0d%0a", "٣", "1.0"]


@pytest.mark.once
def test_odd_keys_in_addresses_of_the_admin_are_no_error_of_ours(
    signed_in, django_user_model, a_request
):
    owner = django_user_model.objects.create_superuser("owner", "owner@example.com", PASSWORD)
    visitor, walked = signed_in(owner), 0
    visitor.raise_request_exception = False
    for name, route in admin_addresses.routes():
        if "<" not in route or name == "view_on_site":
            continue
        for key in ODD_KEYS:
            start, _, rest = route.partition("<")
            address = f"/admin/{start}{key}{rest.partition('>')[2]}"
            if "<" not in address:
                walked += 1
                assert visitor.generic("GET", address).status_code < 500, address
    assert walked > 500

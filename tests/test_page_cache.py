"""The page cache answers only what anybody may see, and never one visitor with another's."""

import re

import pytest
from django.core.handlers.wsgi import WSGIHandler

from practice import page_cache
from practice.caching import edition
from practice.caching.prepared_page import PreparedPage
from practice.page_cache import Shelf
from procedures.models import Procedure
from tests.wsgi_visitor import PROCEDURE, PUBLIC, Site, ask, in_the_tests_own_transaction

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture(autouse=True)
def one_transaction():
    with in_the_tests_own_transaction():
        yield


@pytest.fixture
def site(procedure, settings):
    settings.SECURE_SSL_REDIRECT = True
    return Site()


@pytest.fixture
def served_by_django(site):
    return lambda path, **environ: ask(WSGIHandler(), path, **environ)


# --- What is kept -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", PUBLIC)
def test_a_public_page_is_made_once_and_is_what_django_would_have_said(
    site, served_by_django, path
):
    own = served_by_django(path)

    first, second = site.ask(path), site.ask(path)

    assert len(site.django.asked) == 1
    assert first.body == second.body == own.body
    for answer in (first, second):
        theirs, ours = dict(own.headers), dict(answer.headers)
        added = {"Cache-Control", "Content-Length", "ETag", "Vary"}
        assert {k: v for k, v in ours.items() if k not in added} == {
            k: v for k, v in theirs.items() if k not in added and k != "X-Request-ID"
        }
        assert ours["Vary"] == "Accept-Encoding"
        assert "Set-Cookie" not in ours


def test_a_browser_may_keep_a_page_but_asks_each_time_whether_it_still_is_so(site):
    assert site.ask(PROCEDURE)["Cache-Control"] == "no-cache"


# --- What goes past it ------------------------------------------------------------------------

PAST = {
    "a query": {"path": f"{PROCEDURE}?utm_source=x"},
    "a preview": {"path": f"{PROCEDURE}?preview"},
    "an empty preview": {"path": f"{PROCEDURE}?preview="},
    "a search": {"path": "/search/?q=nose"},
    "the form": {"path": "/consultation/"},
    "the sign-in": {"path": "/staff/login/"},
    "the admin": {"path": "/admin/"},
    "liveness": {"path": "/healthz"},
    "readiness": {"path": "/readyz"},
    "no such page": {"path": "/nothing/"},
    "no such procedure": {"path": "/procedures/nothing/"},
    "a page without its slash": {"path": PROCEDURE[:-1]},
    "a path that is no text": {"path": "/procedures/\xff\xfe/"},
    "a very long path": {"path": f"/procedures/{'x' * 5000}/"},
    "a name and a password": {"HTTP_AUTHORIZATION": "Basic eDp5"},
    "a folder of the server": {"SCRIPT_NAME": "/elsewhere"},
    "another host": {"HTTP_HOST": "evil.example"},
    "a host that begins well": {"HTTP_HOST": "testserver.evil.example"},
    "two hosts": {"HTTP_HOST": "testserver,evil.example"},
    "no host": {"HTTP_HOST": ""},
    "plain HTTP": {"HTTP_X_FORWARDED_PROTO": "http"},
    "HTTP to the first of two proxies": {"HTTP_X_FORWARDED_PROTO": "http, https"},
    "HTTP without a word": {"HTTP_X_FORWARDED_PROTO": None},
    "a stranger's claim of HTTPS": {"REMOTE_ADDR": "203.0.113.9"},
    "a form sent": {"method": "POST"},
    "a method that nobody needs": {"method": "TRACE"},
}


@pytest.mark.parametrize("request_", PAST.values(), ids=PAST.keys())
def test_anything_but_a_plain_look_at_a_public_page_goes_to_django(site, request_):
    assert not site.is_kept(**{"path": PROCEDURE} | request_)


def test_of_several_proxies_the_first_says_how_the_reader_came(site):
    assert site.is_kept(path=PROCEDURE, HTTP_X_FORWARDED_PROTO="https , http")


@pytest.mark.parametrize(
    "claim", [{}, {"HTTP_X_FORWARDED_PROTO": "http"}, {"REMOTE_ADDR": "203.0.113.9"}]
)
def test_plain_http_is_sent_to_https_even_when_the_page_is_ready(site, claim):
    site.ask(PROCEDURE)
    claim = {"HTTP_X_FORWARDED_PROTO": None} | claim

    answer = site.ask(PROCEDURE, **claim)

    if claim.get("HTTP_X_FORWARDED_PROTO") is None or claim["HTTP_X_FORWARDED_PROTO"] == "http":
        assert (answer.status, answer["Location"]) == (301, f"https://testserver{PROCEDURE}")


def test_a_stranger_who_claims_https_is_redirected_too(site):
    site.ask(PROCEDURE)

    assert site.ask(PROCEDURE, REMOTE_ADDR="203.0.113.9").status == 301


@pytest.mark.parametrize("status", ["draft", "scheduled", "withdrawn"])
def test_a_page_that_is_not_live_is_never_kept(site, status):
    Procedure.objects.update(status=status)

    assert not site.is_kept(PROCEDURE)
    assert len(site.application.pages._pages) == 0


def test_a_flood_of_addresses_that_lead_nowhere_pushes_nothing_out(site):
    site.ask(PROCEDURE)
    for number in range(30):
        site.ask(f"/procedures/none-{number}/")
        site.ask(f"/none-{number}/")
        site.ask(f"{PROCEDURE}?{number}")

    assert list(site.application.pages._pages) == [("https", "testserver", PROCEDURE)]


def test_the_pages_of_a_process_take_no_more_memory_than_allowed(monkeypatch):
    monkeypatch.setattr(page_cache, "MOST_BYTES", 30_000)
    shelf = Shelf()
    now = edition.Edition(1, 2.0)
    for number in range(50):
        shelf.put(number, now, PreparedPage([("Content-Type", "image/png")], bytes(4_000)))

    kept = [number for number in range(50) if shelf.get(number, now)]
    assert kept == [45, 46, 47, 48, 49]
    shelf.put(0, now, PreparedPage([("Content-Type", "image/png")], bytes(40_000)))
    assert shelf.get(0, now) is None


# --- Visitors with cookies --------------------------------------------------------------------


@pytest.fixture
def our_cookies(settings):
    return [settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, "messages"]


def test_a_visitor_with_a_cookie_of_ours_is_answered_by_django_itself(site, our_cookies):
    site.ask(PROCEDURE)
    for name in our_cookies:
        before = len(site.django.asked)
        answer = site.ask(PROCEDURE, HTTP_COOKIE=f"theme=dark; {name}=abc")
        assert len(site.django.asked) == before + 1
        assert "Rhinoplasty" in answer.text


def test_but_the_page_in_the_middle_need_not_be_made_again(
    site, our_cookies, django_assert_num_queries, monkeypatch
):
    plain = site.ask(PROCEDURE, HTTP_ACCEPT_ENCODING="br")
    plain = site.ask(PROCEDURE, HTTP_ACCEPT_ENCODING="br")

    with django_assert_num_queries(0):
        answer = site.ask(PROCEDURE, HTTP_ACCEPT_ENCODING="br", HTTP_COOKIE=f"{our_cookies[1]}=x")

    assert answer.body == plain.body
    assert (answer["ETag"], answer["Content-Encoding"]) == (plain["ETag"], "br")
    assert answer["Cache-Control"] == "no-cache"
    assert answer["Content-Security-Policy"] == plain["Content-Security-Policy"]
    known = {"HTTP_IF_NONE_MATCH": plain["ETag"], "HTTP_COOKIE": f"{our_cookies[1]}=x"}
    again = site.ask(PROCEDURE, HTTP_ACCEPT_ENCODING="br", **known)
    assert (again.status, again.body) == (304, b"")


def test_what_is_kept_was_never_asked_for_with_their_cookies(site, our_cookies):
    site.ask(PROCEDURE, HTTP_COOKIE=f"{our_cookies[0]}=abc")

    kept, own = site.django.asked
    assert "HTTP_COOKIE" not in kept
    assert "HTTP_COOKIE" in own
    assert site.is_kept(PROCEDURE)


def test_a_page_that_is_not_there_is_not_there_for_them_either(site, our_cookies):
    for method in ("GET", "HEAD"):
        answer = site.ask("/procedures/none/", method, HTTP_COOKIE=f"{our_cookies[0]}=abc")
        assert answer.status == 404


def test_cookies_of_others_change_nothing(site):
    site.ask(PROCEDURE)

    assert site.is_kept(PROCEDURE, HTTP_COOKIE="_ga=GA1.2.3; theme=dark")


def test_staff_see_a_draft_in_the_preview_and_nobody_else_does(site, signed_in, editor):
    from practice.editing import revisions

    page = Procedure.objects.get()
    plain = site.ask(PROCEDURE).text
    content = revisions.snapshot(page)
    content[0]["fields"]["summary"] = "Words of a draft."
    revisions.keep_draft(page, content)
    client = signed_in(editor)
    cookie = "; ".join(f"{name}={each.value}" for name, each in client.cookies.items())

    preview = site.ask(f"{PROCEDURE}?preview", HTTP_COOKIE=cookie)

    assert "Words of a draft." in preview.text
    assert "no-store" in preview["Cache-Control"]
    assert site.ask(PROCEDURE).text == plain
    assert site.ask(PROCEDURE, HTTP_COOKIE=cookie).text == plain
    assert site.ask(f"{PROCEDURE}?preview").status == 404


# --- Poison -----------------------------------------------------------------------------------

POISON = {
    "X-Forwarded-Host": {"HTTP_X_FORWARDED_HOST": "evil.example"},
    "X-Host": {"HTTP_X_HOST": "evil.example"},
    "Forwarded": {"HTTP_FORWARDED": "host=evil.example;proto=http"},
    "X-Original-URL": {"HTTP_X_ORIGINAL_URL": "/admin/"},
    "X-Rewrite-URL": {"HTTP_X_REWRITE_URL": "/admin/"},
    "X-Forwarded-Port": {"HTTP_X_FORWARDED_PORT": "444"},
    "X-Forwarded-Prefix": {"HTTP_X_FORWARDED_PREFIX": "/evil"},
    "a port of its own": {"HTTP_HOST": "testserver:4443"},
    "a host in capitals": {"HTTP_HOST": "TESTSERVER"},
    "Range": {"HTTP_RANGE": "bytes=0-9"},
    "If-Range": {"HTTP_RANGE": "bytes=0-9", "HTTP_IF_RANGE": '"x"'},
    "If-None-Match": {"HTTP_IF_NONE_MATCH": "*"},
    "If-Modified-Since": {"HTTP_IF_MODIFIED_SINCE": "Fri, 01 Jan 2100 00:00:00 GMT"},
    "a language": {"HTTP_ACCEPT_LANGUAGE": "xx"},
    "a media type": {"HTTP_ACCEPT": "application/json"},
    "an encoding nobody knows": {"HTTP_ACCEPT_ENCODING": "br;q=nonsense, zstd, ;,"},
    "a cookie of others": {"HTTP_COOKIE": 'x="<script>"; $Version=1'},
    "HEAD": {"method": "HEAD"},
    "a body": {"CONTENT_LENGTH": "5", "CONTENT_TYPE": "application/json"},
    "a method override": {"HTTP_X_HTTP_METHOD_OVERRIDE": "POST"},
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON.keys())
def test_nothing_that_one_visitor_sends_can_be_seen_in_what_others_get(
    site, served_by_django, poison
):
    clean = served_by_django(PROCEDURE)

    site.ask(PROCEDURE, **poison)
    answer = site.ask(PROCEDURE)

    assert (answer.status, answer.body) == (200, clean.body)
    assert answer["Content-Length"] == str(len(clean.body))
    assert not re.search(r"evil|\b4443?\b", answer.text + str(answer.headers))


def test_django_is_asked_for_the_page_and_told_nothing_of_who_asked(site):
    site.ask(PROCEDURE)
    (plain,) = site.django.asked
    for poison in POISON.values():
        other = Site()
        other.ask(PROCEDURE, **poison)
        (asked,) = other.django.asked
        assert {k: v for k, v in asked.items() if k != "wsgi.input"} == {
            k: v for k, v in plain.items() if k != "wsgi.input"
        }


def test_a_page_made_for_head_has_its_body_for_get_and_none_for_head(site):
    first, get, head = (site.ask(PROCEDURE, method) for method in ("HEAD", "GET", "HEAD"))

    assert first.body == head.body == b""
    assert first["Content-Length"] == head["Content-Length"] == get["Content-Length"]
    assert len(get.body) == int(get["Content-Length"]) > 1000
    assert site.ask("/procedures/nothing/", "HEAD").body == b""


SPOILT = {
    "a cookie": lambda response: response.set_cookie("x", "y"),
    "words that forbid it": lambda response: response.headers.__setitem__(
        "Cache-Control", "private"
    ),
    "no-store": lambda response: response.headers.__setitem__("Cache-Control", "no-store"),
    "another look for each language": lambda r: r.headers.__setitem__("Vary", "Accept-Language"),
    "another look for each cookie": lambda r: r.headers.__setitem__("Vary", "Cookie"),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
def test_an_answer_that_is_meant_for_one_visitor_is_not_kept(site, monkeypatch, spoil):
    from practice import views

    honest = views.render

    def spoilt(*arguments, **named):
        response = honest(*arguments, **named)
        spoil(response)
        return response

    monkeypatch.setattr(views, "render", spoilt)

    assert site.ask("/privacy/").status == 200
    assert not site.is_kept("/privacy/")

"""How a kept page is sent: in which encoding, when it need not be, and what trouble does."""

import pytest
from django.db import OperationalError
from django.http import HttpResponse, StreamingHttpResponse

from practice import page_cache
from practice.caching import edition
from practice.caching.prepared_page import PreparedPage, accepted
from procedures.models import Procedure
from tests.wsgi_visitor import Site, in_the_tests_own_transaction

pytestmark = [pytest.mark.django_db, pytest.mark.once]

PROCEDURE = "/procedures/rhinoplasty/"
PUBLIC = ["/", "/procedures/", PROCEDURE, "/surgeons/", "/privacy/", "/robots.txt"]


@pytest.fixture(autouse=True)
def one_transaction():
    with in_the_tests_own_transaction():
        yield


@pytest.fixture
def site(procedure):
    return Site()


@pytest.mark.parametrize(
    "path", [*PUBLIC, "/social/home.png", "/social/procedures/rhinoplasty.png"]
)
def test_nobody_may_show_a_page_again_without_asking_whether_it_is_still_so(site, path):
    assert site.ask(path)["Cache-Control"] == "no-cache"


# --- Encodings and known pages ----------------------------------------------------------------

ACCEPTED = {
    "": "identity",
    "gzip": "gzip",
    "gzip, deflate, br, zstd": "br",
    "GZIP": "gzip",
    "br;q=0, gzip": "gzip",
    "br;q=0.0, gzip;q=0": "identity",
    "br;q=0.1": "br",
    "*": "br",
    "*;q=0": "identity",
    "*;q=0, gzip": "gzip",
    "br ; q = 0, gzip": "gzip",
    "gzip;q=nonsense": "identity",
    "gzip;level=9": "identity",
    "brotli, xgzip": "identity",
    ",,;;": "identity",
}


@pytest.mark.parametrize(("header", "encoding"), ACCEPTED.items())
def test_each_browser_gets_the_best_encoding_that_it_knows(header, encoding):
    assert accepted(header)[0] == encoding


def test_all_encodings_hold_the_same_page_and_have_names_of_their_own(site):
    site.ask(PROCEDURE)
    answers = [site.ask(PROCEDURE, HTTP_ACCEPT_ENCODING=each) for each in ("br", "gzip", "")]

    assert len({answer.text for answer in answers}) == 1
    assert len({answer["ETag"] for answer in answers}) == 3
    assert [answer["Content-Encoding"] for answer in answers] == ["br", "gzip", None]
    assert len(answers[0].body) < len(answers[1].body) < len(answers[2].body)


def test_the_first_reader_waits_for_a_quick_compression_and_all_others_get_the_best(site):
    first, second = (site.ask(PROCEDURE, HTTP_ACCEPT_ENCODING="br") for _ in range(2))

    assert first.text == second.text
    assert len(second.body) < len(first.body)
    assert first["ETag"] != second["ETag"]


def test_a_picture_is_not_compressed_again(site):
    site.ask("/social/home.png")

    assert site.ask("/social/home.png", HTTP_ACCEPT_ENCODING="br")["Content-Encoding"] is None


KNOWN = ["{}", "W/{}", '"other", {}', 'W/"other",W/{}', "*", "*, {}"]
UNKNOWN = ['"other"', "nonsense", '"{}"', '"', ""]


def test_a_browser_that_has_the_page_is_told_so_in_a_few_bytes(site):
    site.ask(PROCEDURE)
    page = site.ask(PROCEDURE)
    for header in KNOWN:
        answer = site.ask(PROCEDURE, HTTP_IF_NONE_MATCH=header.format(page["ETag"]))
        assert (answer.status, answer.body) == (304, b""), header
        assert answer["ETag"] == page["ETag"]
        assert answer["Vary"] == "Accept-Encoding"
        assert answer["Content-Length"] is answer["Content-Type"] is None
    for header in UNKNOWN:
        etag = page["ETag"].strip('"')[1:]
        answer = site.ask(PROCEDURE, HTTP_IF_NONE_MATCH=header.format(etag))
        assert answer.status == 200, header


def test_it_is_told_so_no_longer_once_the_page_has_changed(site):
    site.ask(PROCEDURE)
    known = {"HTTP_IF_NONE_MATCH": site.ask(PROCEDURE)["ETag"]}
    assert site.ask(PROCEDURE, **known).status == 304

    Procedure.objects.update(summary="New words.")

    answer = site.ask(PROCEDURE, **known)
    assert answer.status == 200
    assert "New words." in answer.text


# --- Trouble ----------------------------------------------------------------------------------


def test_without_a_database_no_page_is_served_blindly(site, monkeypatch):
    site.ask(PROCEDURE)
    asked = len(site.django.asked)

    def gone():
        raise OperationalError("no connection")

    monkeypatch.setattr(edition, "_version", gone)

    site.ask(PROCEDURE)
    assert len(site.django.asked) == asked + 1


def test_a_page_that_could_not_be_kept_was_sent_all_the_same(site, monkeypatch, caplog):
    def fails(page):
        raise MemoryError

    monkeypatch.setattr(PreparedPage, "at_its_best", fails)

    assert site.ask(PROCEDURE).status == 200
    assert "was not kept" in caplog.text


# --- Several processes with one Redis ---------------------------------------------------------


@pytest.fixture
def redis(monkeypatch):
    """Stands for Redis in the two methods that are used of it."""
    kept = {}
    monkeypatch.setattr(page_cache.RedisCache, "get", lambda backend, key: kept.get(key))
    monkeypatch.setattr(
        page_cache.RedisCache, "set", lambda backend, key, page, s: kept.update({key: page})
    )
    backend = page_cache.RedisCache("redis://127.0.0.1:9", {})
    monkeypatch.setattr(page_cache, "caches", {"default": backend})
    return kept


def test_a_new_process_finds_the_pages_that_others_have_made(procedure, redis):
    first, second = Site(), Site()
    first.ask(PROCEDURE)

    page = second.ask(PROCEDURE)

    assert second.django.asked == []
    assert page.text == first.ask(PROCEDURE).text


def test_but_no_page_of_an_older_content_or_another_release(procedure, redis, monkeypatch):
    Site().ask(PROCEDURE)
    Procedure.objects.update(summary="New words.")
    assert "New words." in Site().ask(PROCEDURE).text

    monkeypatch.setattr(page_cache, "release", lambda: "the next release")
    newer = Site()
    newer.ask(PROCEDURE)
    assert len(newer.django.asked) == 1


def test_a_redis_that_fails_is_left_alone_for_a_while(procedure, redis, monkeypatch):
    tries = []

    def fails(*arguments):
        tries.append(arguments)
        raise ConnectionError

    monkeypatch.setattr(page_cache.RedisCache, "get", fails)
    monkeypatch.setattr(page_cache.RedisCache, "set", fails)
    site = Site()

    assert [site.ask(path).status for path in PUBLIC] == [200] * len(PUBLIC)
    assert len(tries) == 1


def test_a_changed_template_or_setting_is_another_release(settings, tmp_path):
    (tmp_path / "templates").mkdir()
    settings.BASE_DIR, page = tmp_path, tmp_path / "templates" / "page.html"
    page.write_text("one")
    releases = {page_cache.release()}
    page.write_text("two")
    releases.add(page_cache.release())
    settings.SITE_URL = "https://other.example"
    releases.add(page_cache.release())

    assert len(releases) == 3


# --- What may be kept -------------------------------------------------------------------------

KEPT = {
    "a page": ("200 OK", [], True),
    "an encoding that is asked for": ("200 OK", [("Vary", "Accept-Encoding")], True),
    "in another spelling": ("200 OK", [("VARY", "accept-encoding , Accept-Encoding")], True),
    "something public": ("200 OK", [("Cache-Control", "max-age=60, public")], True),
    "no page": ("404 Not Found", [], False),
    "another page": ("302 Found", [], False),
    "a part": ("206 Partial Content", [], False),
    "a cookie": ("200 OK", [("set-cookie", "a=b")], False),
    "what is compressed": ("200 OK", [("Content-Encoding", "br")], False),
    "a page for each cookie": ("200 OK", [("Vary", "Accept-Encoding, Cookie")], False),
    "told apart twice": ("200 OK", [("Vary", "Accept-Encoding"), ("Vary", "Origin")], False),
    "told apart by anything": ("200 OK", [("Vary", "*")], False),
    "not to be stored": ("200 OK", [("Cache-Control", "max-age=0, No-Store")], False),
    "somebody's own": (
        "200 OK",
        [("cache-control", "public"), ("Cache-Control", "private")],
        False,
    ),
}


@pytest.mark.parametrize(("status", "headers", "is_kept"), KEPT.values(), ids=KEPT.keys())
def test_what_may_be_kept_of_what_django_says(status, headers, is_kept):
    whole, in_pieces = HttpResponse("x"), StreamingHttpResponse(["x"])
    headers = [("Content-Type", "text/html"), *headers]

    assert page_cache.may_be_kept(status, headers, whole) is is_kept
    assert not page_cache.may_be_kept(status, headers, in_pieces)
    assert not page_cache.may_be_kept(status, headers, ["x"])

"""A kept page is used again: under queries that it does not read, and after changes elsewhere."""

import pytest
from django.core.handlers.wsgi import WSGIHandler

from practice.caching.content_version import raise_version
from procedures.models import Procedure
from tests.wsgi_visitor import PROCEDURE, PUBLIC, Site, ask, in_the_tests_own_transaction

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture(autouse=True)
def one_transaction():
    with in_the_tests_own_transaction():
        yield


@pytest.fixture
def site(procedure):
    return Site()


@pytest.fixture
def served_by_django(procedure):
    return lambda path: ask(WSGIHandler(), path)


# --- Queries that a page does not read ---------------------------------------------------------

TAGS = ["utm_source=letter", "fbclid=x", "a", "=", "n=1&n=2", "%ff=%00", "x=" + "y" * 2000]


@pytest.mark.parametrize("path", PUBLIC)
def test_a_public_page_is_the_same_whatever_else_is_asked(served_by_django, path):
    plain = served_by_django(path)

    for tag in TAGS:
        assert served_by_django(f"{path}?{tag}").body == plain.body


@pytest.mark.parametrize("tag", TAGS)
def test_so_a_kept_page_is_handed_out_by_django_without_a_query_to_the_database(
    site, django_assert_num_queries, tag
):
    plain = site.ask(PROCEDURE)
    asked = len(site.django.asked)

    with django_assert_num_queries(0):
        answer = site.ask(f"{PROCEDURE}?{tag}")

    assert len(site.django.asked) == asked + 1
    assert answer.body == plain.body


def test_a_tag_in_an_address_keeps_nothing_of_itself(site):
    site.ask(f"{PROCEDURE}?utm_source=evil")

    assert "evil" not in site.ask(PROCEDURE).text
    assert list(site.application.pages._pages) == [("https", "testserver", PROCEDURE)]


@pytest.mark.parametrize("query", ["q=nose", "%71=nose", "x=1&q=nose", "x&%71=nose"])
def test_a_query_that_a_page_reads_is_never_answered_with_the_plain_page(site, query):
    site.ask("/search/")

    assert 'value="nose"' in site.ask(f"/search/?{query}").text


def test_parts_of_the_sitemap_are_pages_of_their_own(site):
    site.ask("/sitemap.xml")

    assert site.ask("/sitemap.xml?p=1").status == 200
    assert site.ask("/sitemap.xml?p=2").status == 404


@pytest.mark.parametrize("query", ["preview", "%70review", "preview=1", "x=1&preview"])
def test_nor_is_a_preview(site, query):
    site.ask(PROCEDURE)

    assert site.ask(f"{PROCEDURE}?{query}").status == 404


# --- After a change elsewhere -----------------------------------------------------------------

MADE_OF_ROWS = ["/", "/procedures/", PROCEDURE, "/surgeons/", "/surgeons/robin-example/"]
MADE_OF_ROWS += ["/locations/main-office/", "/privacy/", "/accessibility/", "/search/"]
MADE_OF_ROWS += ["/social/home.png", "/social/procedures/rhinoplasty.png"]


@pytest.mark.parametrize("path", MADE_OF_ROWS)
def test_a_page_whose_rows_are_as_they_were_is_not_made_again(
    site, django_assert_max_num_queries, path
):
    plain = site.ask(path)
    asked = len(site.django.asked)
    raise_version()

    with django_assert_max_num_queries(2):  # The edition, and the page's rows.
        answer = site.ask(path)

    assert len(site.django.asked) == asked
    assert (answer.status, answer.body) == (200, plain.body)


def test_only_the_page_that_was_changed_is_made_again(site):
    paths = [PROCEDURE, "/surgeons/", "/privacy/"]
    for path in paths:
        site.ask(path)
    asked = len(site.django.asked)

    Procedure.objects.update(summary="New words.")
    for path in paths:
        site.ask(path)

    assert [environ["PATH_INFO"] for environ in site.django.asked[asked:]] == [PROCEDURE]


def test_a_page_that_asked_anything_in_another_way_is_made_again(site):
    site.ask("/sitemap.xml")
    asked = len(site.django.asked)

    raise_version()
    site.ask("/sitemap.xml")

    assert len(site.django.asked) == asked + 1


def test_a_page_that_is_gone_stays_no_longer_in_the_memory(site):
    site.ask(PROCEDURE)

    Procedure.objects.update(status="withdrawn")

    assert site.ask(PROCEDURE).status == 410
    assert not site.application.pages._pages

"""The list of procedures, when there are more of them than one page shows."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from procedures.models import Category, Procedure
from tests.pages import Page
from tests.wsgi_visitor import Site, in_the_tests_own_transaction

pytestmark = pytest.mark.django_db
PER_PAGE = Procedure.PER_PAGE
LISTED = re.compile(r'<li><a href="/procedures/([a-z0-9-]+)/">')


def add(number, category, name="Operation", **fields):
    """Procedures in this order, published if nothing else is said."""
    given = {"status": "published", "summary": "Summary.", "category": category} | fields
    Procedure.objects.bulk_create(
        Procedure(name=f"{name} {n}", slug=f"{name}-{n}".lower(), position=n, **given)
        for n in range(number)
    )


@pytest.fixture
def nose(practice):
    return Category.objects.create(name="Nose", slug="nose", summary="Breathing.", position=1)


@pytest.fixture
def face(practice):
    return Category.objects.create(name="Face", slug="face", summary="Ageing.", position=2)


@pytest.fixture
def see(client):
    def see(address="/procedures/"):
        response = client.get(address)
        assert response.status_code == 200, address
        return Page(response)

    return see


def to(page, direction):
    """The address that a page's link rel=prev or rel=next names, the same in head and body."""
    named = re.findall(rf'rel="{direction}" href="([^"]+)"', page.source)
    assert len(named) in (0, 2)
    assert len(set(named)) <= 1
    return named[0] if named else None


def canonical(page):
    return re.search(r'<link rel="canonical" href="([^"]+)"', page.source)[1]


def test_what_fits_on_one_page_is_shown_without_a_word_about_pages(nose, see):
    add(PER_PAGE, nose)

    page = see()

    assert len(LISTED.findall(page.source)) == PER_PAGE
    assert (to(page, "prev"), to(page, "next")) == (None, None)
    assert "Page 1" not in page.text
    assert "continued" not in page.text


def test_following_the_links_shows_every_procedure_once_and_in_order(nose, face, see):
    add(PER_PAGE + 3, nose)
    add(PER_PAGE - 3, face, name="Lift")
    found, pages, address = [], [], "/procedures/"
    while address:
        pages.append(see(address))
        found += LISTED.findall(pages[-1].source)
        address = to(pages[-1], "next")

    assert len(pages) == 2
    assert found[: PER_PAGE + 3] == [f"operation-{n}" for n in range(PER_PAGE + 3)]
    assert found[PER_PAGE + 3 :] == [f"lift-{n}" for n in range(PER_PAGE - 3)]
    assert to(pages[0], "prev") is None
    assert to(pages[1], "prev") == "/procedures/"


def test_the_page_before_is_linked_by_its_number(nose, see):
    add(2 * PER_PAGE + 1, nose)

    page = see("/procedures/?page=3")

    assert (to(page, "prev"), to(page, "next")) == ("/procedures/?page=2", None)
    assert "Page 3" in page.text


def test_a_category_that_goes_on_says_so_and_the_next_one_does_not(nose, face, see):
    add(PER_PAGE + 1, nose)
    add(1, face, name="Lift")

    first, second = see(), see("/procedures/?page=2")

    assert "continued" not in first.text
    assert "Nose continued Operation" in second.text
    assert "Breathing." in first.text
    assert "Breathing." not in second.text
    assert "Face Ageing. Lift 0" in second.text


def test_a_category_that_ends_with_its_page_does_not_go_on(nose, face, see):
    add(PER_PAGE, nose)
    add(1, face, name="Lift")

    second = see("/procedures/?page=2")

    assert LISTED.findall(second.source) == ["lift-0"]
    assert "continued" not in second.text


def test_categories_of_one_name_but_for_its_case_do_not_mix(nose, face, see):
    Category.objects.filter(pk=face.pk).update(name="NOSE", position=1)
    for place in range(PER_PAGE):
        add(1, (nose, face)[place % 2], name=f"Kind {place}".replace(" ", "-"))
    add(2, nose, name="Last")

    found = [LISTED.findall(see(page).source) for page in ("/procedures/", "/procedures/?page=2")]

    assert len(found[0]) == PER_PAGE
    assert len({*found[0], *found[1]}) == PER_PAGE + 2


def test_each_page_has_a_title_and_an_address_of_its_own(nose, see):
    add(PER_PAGE + 1, nose)

    first, named, second = see(), see("/procedures/?page=1"), see("/procedures/?page=2&x=y")

    assert canonical(first) == canonical(named)
    assert canonical(first).endswith("/procedures/")
    assert canonical(second).endswith("/procedures/?page=2")
    assert "page" not in first.title
    assert "page 2" in second.title


@pytest.mark.parametrize(
    "number", ["0", "3", "-1", "", "a", "1.0", "２", "1e1", "9" * 8, "9" * 30, "2;", "%00"]
)
def test_a_page_that_there_is_not_is_not_found(nose, client, number):
    add(PER_PAGE + 1, nose)

    assert client.get(f"/procedures/?page={number}").status_code == 404


def test_the_second_page_of_a_list_of_one_is_not_found(nose, client):
    add(PER_PAGE, nose)

    assert client.get("/procedures/?page=2").status_code == 404


def test_what_is_not_published_takes_no_place(nose, see):
    add(PER_PAGE, nose, name="Draft", status="draft")
    tomorrow = timezone.now() + timedelta(days=1)
    add(PER_PAGE, nose, name="Tomorrow", status="scheduled", publish_at=tomorrow)
    yesterday = timezone.now() - timedelta(days=1)
    add(PER_PAGE, nose, name="Live", status="scheduled", publish_at=yesterday)

    page = see()

    assert LISTED.findall(page.source) == [f"live-{n}" for n in range(PER_PAGE)]
    assert to(page, "next") is None


@pytest.mark.parametrize("address", ["/procedures/", "/procedures/?page=2"])
def test_a_page_is_one_question_and_reads_its_own_rows_alone(nose, see, address):
    add(5 * PER_PAGE, nose, what_it_is="Long text.")
    see(address)

    with CaptureQueriesContext(connection) as asked:
        see(address)

    assert len(asked) == 1
    assert "what_it_is" not in asked[0]["sql"]


def test_the_cache_of_pages_tells_the_pages_apart(nose):
    add(PER_PAGE + 1, nose)
    with in_the_tests_own_transaction():
        site = Site()
        numbers = [
            LISTED.findall(site.ask(f"/procedures/{query}").text)
            for query in ("", "?page=2", "", "?page=2")
        ]

    assert [len(found) for found in numbers] == [PER_PAGE, 1, PER_PAGE, 1]


@pytest.mark.parametrize(("number", "is_cut"), [(PER_PAGE, False), (PER_PAGE + 1, True)])
def test_the_home_page_shows_as_many_and_the_way_to_the_others(nose, see, number, is_cut):
    add(number, nose)

    page = see("/")

    assert len(LISTED.findall(page.source)) == PER_PAGE
    assert ("All procedures" in page.text) is is_cut


@pytest.mark.once
def test_lists_are_sorted_without_reading_the_long_rows(nose):
    # PostgreSQL does the same, once the table has been vacuumed.
    add(300, nose, what_it_is="Long. " * 500)
    keys = Procedure.objects.published().order_by(*Procedure.LISTED).values("pk")[:PER_PAGE]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    assert "COVERING INDEX listed" in keys.explain()

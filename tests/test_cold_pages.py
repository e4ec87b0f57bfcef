"""A page that no cache holds yet: one question for its edition, one for all it shows."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from practice.caching import edition
from practice.models import Location, Surgeon
from procedures.models import Faq, Procedure
from tests.full_practice import PAGES
from tests.wsgi_visitor import Site, in_the_tests_own_transaction

pytest_plugins = ["tests.full_practice"]
pytestmark = pytest.mark.django_db

COLD = [*PAGES[:8], "/search/"]


@pytest.fixture(autouse=True)
def one_transaction():
    with in_the_tests_own_transaction():
        yield


@pytest.fixture
def queries(monkeypatch):
    """`queries(path)`: what a new process asks the database for its first page, in SQL."""

    def queries(path):
        monkeypatch.setattr(edition, "_known", None)
        with CaptureQueriesContext(connection) as asked:
            assert Site().ask(path).status == 200
        return [query["sql"] for query in asked]

    return queries


@pytest.mark.parametrize("path", COLD)
def test_the_first_page_of_a_process_takes_two_queries(content, queries, path):
    assert len(queries(path)) <= 2


@pytest.mark.parametrize("path", [*COLD, "/sitemap.xml"])
def test_it_takes_no_more_however_much_there_is(content, queries, path):
    few = len(queries(path))
    category = Procedure.objects.get(slug="rhinoplasty").category
    for number in range(20):
        name = f"more-{number}"
        live = {"name": name, "slug": name, "status": "published"}
        added = Procedure.objects.create(category=category, **live)
        Procedure.objects.get(slug="rhinoplasty").related.add(added)
        Faq.objects.create(procedure=added, question="Why?", answer="Because.")
        Surgeon.objects.create(**live).locations.add(Location.objects.get(slug="main-office"))
        Location.objects.create(**live)

    assert len(queries(path)) == few


@pytest.mark.parametrize("path", COLD)
def test_after_a_change_it_takes_one_more_for_the_number_that_has_changed(
    content, path, monkeypatch
):
    site = Site()
    site.ask(path)
    Procedure.objects.filter(slug="browlift").update(summary="New.")

    with CaptureQueriesContext(connection) as asked:
        site.ask(path)

    # The look at the number itself goes past what is captured here.
    assert len(asked) <= 2

"""A page that no cache holds yet: one question for its edition, one for all it shows."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from practice import edition, one_query
from practice.content_version import content_models
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


def test_a_row_that_came_in_one_query_is_the_row_itself(content):
    Procedure.objects.update(publish_at=timezone.now() + timedelta(days=1, microseconds=7))
    for model in content_models():
        rows = list(model.objects.order_by("pk"))

        fetched = one_query.fetch(rows=model.objects.order_by("pk"))["rows"]

        assert [vars_of(row) for row in fetched] == [vars_of(row) for row in rows], model
        assert not any(row._state.adding for row in fetched)


def vars_of(row):
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return {name: (type(value), str(value)) for name, value in values.items()}


def test_rows_come_in_the_order_that_was_asked_for(content):
    for position, faq in enumerate(Faq.objects.order_by("-position")):
        Faq.objects.filter(pk=faq.pk).update(position=position)
    for order in ("position", "-position", "question"):
        rows = one_query.fetch(faqs=Faq.objects.order_by(order), none=Faq.objects.none())

        assert rows["faqs"] == list(Faq.objects.order_by(order))
        assert rows["none"] == []


def test_a_limit_and_a_filter_through_other_tables_hold(content):
    surgeons = Surgeon.objects.filter(performances__procedure__slug="rhinoplasty")
    ordered = surgeons.order_by("-performances__position")[:1]

    assert one_query.fetch(surgeons=ordered)["surgeons"] == list(ordered)

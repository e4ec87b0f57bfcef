"""Rows of many tables come in one statement, which is written once and can be asked again."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import CharField, DateField
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from practice.caching.content_version import content_models
from practice.models import OldAddress, Surgeon
from practice.sql.one_query import NOW, SLUG, Given, OneQuery, asked_again, made_of, noted
from procedures.models import BeforeAfterCase, Faq, Procedure

pytest_plugins = ["tests.full_practice"]
pytestmark = pytest.mark.django_db


def fetch(**querysets):
    return OneQuery(lambda: querysets).fetch()


def test_a_row_that_came_in_one_query_is_the_row_itself(content):
    Procedure.objects.update(publish_at=timezone.now() + timedelta(days=1, microseconds=7))
    OldAddress.remember("/procedures/nose-job/", "/procedures/rhinoplasty/")
    for model in content_models():
        rows = list(model.objects.order_by("pk"))
        assert rows, model

        fetched = fetch(rows=model.objects.order_by("pk"))["rows"]

        assert [vars_of(row) for row in fetched] == [vars_of(row) for row in rows], model
        assert not any(row._state.adding for row in fetched)


def vars_of(row):
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return {name: (type(value), str(value)) for name, value in values.items()}


def test_rows_come_in_the_order_that_was_asked_for(content):
    for position, faq in enumerate(Faq.objects.order_by("-position")):
        Faq.objects.filter(pk=faq.pk).update(position=position)
    for order in ("position", "-position", "question"):
        rows = fetch(faqs=Faq.objects.order_by(order), none=Faq.objects.none())

        assert rows["faqs"] == list(Faq.objects.order_by(order))
        assert rows["none"] == []


def test_a_limit_and_a_filter_through_other_tables_hold(content):
    surgeons = Surgeon.objects.filter(performances__procedure__slug="rhinoplasty")
    ordered = surgeons.order_by("-performances__position")[:1]

    assert fetch(surgeons=ordered)["surgeons"] == list(ordered)


def test_fields_that_a_list_does_not_show_are_not_fetched(content):
    expected = Procedure.objects.only("name", "publish_at").order_by("pk")

    rows = fetch(rows=expected)["rows"]

    deferred = [row.get_deferred_fields() for row in rows]
    assert deferred == [row.get_deferred_fields() for row in expected]
    assert "summary" in deferred[0]
    assert [row.name for row in rows] == [row.name for row in expected]


# --- Places for what is given -----------------------------------------------------------------


@OneQuery
def page():
    return {
        "procedure": Procedure.objects.filter(slug=SLUG),
        "faqs": Faq.objects.filter(procedure__slug=SLUG),
        "live": Procedure.objects.published(NOW),
    }


def test_each_time_the_statement_is_asked_with_what_is_given(content):
    for slug in ("rhinoplasty", "septoplasty", "rhinoplasty", "%s", "'; DROP TABLE x; --", ""):
        found = page.fetch(slug=slug)

        assert found["procedure"] == list(Procedure.objects.filter(slug=slug))
        assert found["faqs"] == list(Faq.objects.filter(procedure__slug=slug))


def test_the_moment_is_that_of_asking_and_not_of_writing(content, time_machine):
    Procedure.objects.update(status="scheduled", publish_at=timezone.now() + timedelta(hours=1))
    assert page.fetch(slug="rhinoplasty")["live"] == []

    time_machine.move_to(timezone.now() + timedelta(hours=1))

    assert len(page.fetch(slug="rhinoplasty")["live"]) == Procedure.objects.count()


@OneQuery
def by_name_and_day():
    return {
        "named": Surgeon.objects.filter(name=Given("name", CharField())),
        "cases": BeforeAfterCase.objects.filter(consent_signed_on=Given("day", DateField())),
    }


def test_a_value_goes_to_the_database_as_its_field_would_send_it(content):
    case = BeforeAfterCase.objects.first()
    name = Surgeon.objects.first().name

    found = by_name_and_day.fetch(name=name, day=case.consent_signed_on)

    assert [surgeon.name for surgeon in found["named"]] == [name]
    assert case in found["cases"]


def test_a_value_that_is_not_given_is_missed_at_once(content):
    with pytest.raises(KeyError, match="slug"):
        page.fetch()


def test_each_connection_to_postgresql_plans_the_statement_once(content):
    is_postgresql = connection.vendor == "postgresql"

    with CaptureQueriesContext(connection) as asked:
        for slug in ("rhinoplasty", "septoplasty", "rhinoplasty"):
            page.fetch(slug=slug)

    names = {query["sql"].partition(" (")[0] for query in asked}
    assert {name.startswith("EXECUTE one_query_") for name in names} == {is_postgresql}
    if is_postgresql:
        assert planned() >= names


def planned():
    """The statement of each plan that this connection keeps, as it is executed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'EXECUTE ' || name FROM pg_prepared_statements")
        return {name for (name,) in cursor.fetchall()}


# --- What a page was made of ------------------------------------------------------------------


def noted_page(at_hand=()):
    with noted(at_hand) as notes:
        page.fetch(slug="rhinoplasty")
    return made_of(notes)


def test_the_same_answers_are_known_again(content):
    is_same, _ = asked_again(noted_page())

    assert is_same


@pytest.mark.parametrize(
    "change",
    [
        lambda: Procedure.objects.filter(slug="rhinoplasty").update(summary="New."),
        lambda: Faq.objects.filter(procedure__slug="rhinoplasty").update(answer=""),
        lambda: Faq.objects.filter(procedure__slug="rhinoplasty").delete(),
        lambda: Procedure.objects.filter(slug="browlift").update(status="draft"),
    ],
)
def test_an_answer_that_has_changed_is_told_apart(content, change):
    before = noted_page()

    change()

    assert not asked_again(before)[0]


def test_what_was_asked_to_see_whether_it_changed_is_not_asked_twice(content):
    before = noted_page()
    Procedure.objects.filter(slug="rhinoplasty").update(summary="New.")
    _, at_hand = asked_again(before)

    with CaptureQueriesContext(connection) as asked, noted(at_hand) as notes:
        procedure = page.fetch(slug="rhinoplasty")["procedure"][0]

    assert procedure.summary == "New."
    assert not asked.captured_queries
    assert made_of(notes) == noted_page()


def test_whoever_asks_in_another_way_too_is_made_of_more_than_is_known(content):
    with noted() as notes:
        page.fetch(slug="rhinoplasty")
        Surgeon.objects.count()

    assert made_of(notes) is None


def test_a_question_without_a_name_of_its_own_cannot_be_asked_again(content):
    with noted() as notes:
        fetch(surgeons=Surgeon.objects.all())

    assert made_of(notes) is None


def test_nothing_is_noted_for_others(content):
    with noted() as notes:
        pass
    page.fetch(slug="rhinoplasty")

    assert notes.answers == []

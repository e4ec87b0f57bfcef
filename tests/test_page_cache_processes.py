"""The page cache in the processes that really serve: several, each with a memory of its own."""

import pytest
from django.db import connection

from tests.processes import a_site, visit

pytestmark = pytest.mark.processes
ADD = """
from procedures.models import Category, Procedure
from django.utils import timezone
category, _ = Category.objects.get_or_create(name="Nose", slug="nose")
Procedure.objects.update_or_create(
    slug="rhinoplasty", defaults={"name": name, "category": category, "status": status}
)
"""


@pytest.fixture(scope="module")
def site():
    with a_site(connection.vendor == "postgresql") as site:
        site.ask(ADD, name="Version 0", status="published")
        site.serve(workers=3)
        yield site


def answers(site, path, times=24):
    """What as many requests get; with three processes each answers some of them."""
    return [visit(site, path) for _ in range(times)]


def test_a_change_made_elsewhere_is_seen_by_the_next_request_of_every_process(site):
    for number in range(1, 4):
        site.ask(ADD, name=f"Version {number}", status="published")
        for answer in answers(site, "/procedures/rhinoplasty/"):
            assert f"<h1>Version {number}</h1>" in answer.content.decode()
            assert answer["Cache-Control"] == "no-cache"


def test_a_page_is_sent_with_one_length_one_etag_and_every_header(site):
    answer = visit(site, "/procedures/rhinoplasty/")

    assert int(answer["Content-Length"]) == len(answer.content)
    for name in ("ETag", "Content-Security-Policy", "Strict-Transport-Security", "Vary"):
        assert len(answer.headers.get_all(name, [])) == 1


def test_a_withdrawn_page_is_gone_from_every_process(site):
    site.ask(ADD, name="Version 9", status="published")
    answers(site, "/procedures/rhinoplasty/")

    site.ask(ADD, name="Version 9", status="withdrawn")

    assert {each.status_code for each in answers(site, "/procedures/rhinoplasty/")} == {410}


def test_while_the_database_is_gone_no_kept_page_is_shown_and_then_they_are_again(site):
    site.ask(ADD, name="Version 5", status="published")
    answers(site, "/procedures/rhinoplasty/")

    site.database.stop()
    try:
        gone = {each.status_code for each in answers(site, "/procedures/rhinoplasty/", 6)}
    finally:
        site.database.start()

    assert gone <= {500, 503}
    site.wait_until(
        lambda: {each.status_code for each in answers(site, "/procedures/rhinoplasty/")} == {200},
        "the pages are there again",
    )

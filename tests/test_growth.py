"""A full site: no page for staff reads all requests to show some of them.

The database says how it will go about each query. No seconds are measured here; `make bench`
does that with a million.
"""

import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consultations.admin import inbox
from consultations.figures import kept_figures, reports
from consultations.models import ConsultationRequest
from consultations.samples.sample_copies import copy_finished
from consultations.samples.sample_requests import Inventor
from consultations.search_words import SearchWord

INBOX = "/admin/consultations/consultationrequest/"
READ_WHOLE = {
    "postgresql": re.compile(r"Seq Scan on consultations_consultationrequest"),
    "sqlite": re.compile(r"SCAN consultations_consultationrequest(?! USING)"),
}


def fill(number):
    list(Inventor(seed=1).fill(400))
    list(copy_finished(number, seed=1))


def ways(sql):
    """What the database answers to EXPLAIN."""
    how = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        cursor.execute(f"{how} {sql.replace('%', '%%')}", [])
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


def reads_whole(act):
    """The queries of `act` that go through the table of requests from end to end."""
    with CaptureQueriesContext(connection) as captured:
        act()
    selects = [query["sql"] for query in captured if query["sql"].startswith("SELECT")]
    of_requests = [sql for sql in selects if "consultations_consultationrequest" in sql]
    return [sql for sql in of_requests if READ_WHOLE[connection.vendor].search(ways(sql))]


def pages():
    row = ConsultationRequest.objects.filter(status="closed").first()
    searches = (
        *(row.reference, row.reference[:7], row.email, row.email.partition("@")[0] + "@"),
        *(str(row.phone), "0142", row.full_name, "amara", "amara testwell", "x", "nobody at all"),
    )
    return [
        *(f"{INBOX}?view={view.key}" for view in inbox.VIEWS),
        f"{INBOX}?view=all&p=3",
        *(f"{INBOX}?q={quote(query)}" for query in searches),
        f"{INBOX}{row.pk}/change/",
        "/admin/",
    ]


@pytest.mark.django_db(transaction=True)
def test_no_page_reads_all_requests(signed_in, manager, surgeon_user, procedure):
    fill(20_000)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    kept_figures.count_anew()
    found = {}
    for user in (manager, surgeon_user):
        client = signed_in(user)
        for page in pages():
            wrong = reads_whole(lambda client=client, page=page: client.get(page))
            if wrong:
                found[f"{user} at {page}"] = wrong
    assert not found, "\n".join(f"{page}: {ways(sql[0])}\n{sql[0]}" for page, sql in found.items())
    assert reads_whole(kept_figures.count_anew) == []
    since = timezone.now() - timedelta(weeks=1)
    assert reads_whole(lambda: reports.answering(since, timezone.now(), 240)) == []


@pytest.mark.django_db
def test_a_query_that_reads_all_requests_is_noticed(practice, a_request):
    a_request()
    everything = ConsultationRequest.objects.filter(best_time="any")
    assert len(reads_whole(lambda: list(everything))) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["amara", "amara testwell", "0142", "zz", "a@"])
def test_a_search_costs_as_many_queries_however_many_match(signed_in, manager, procedure, query):
    client = signed_in(manager)

    def cost():
        with CaptureQueriesContext(connection) as captured:
            client.get(INBOX, {"q": query})
        return len(captured)

    fill(200)
    cost()
    few = cost()
    list(copy_finished(2_000, seed=2))
    # One more where a first page of matches is followed by others.
    assert cost() <= few + 1


@pytest.mark.django_db
def test_every_copy_can_be_found(practice, procedure):
    fill(50)
    without = ConsultationRequest.objects.exclude(pk__in=SearchWord.objects.values("request"))
    assert not without.exists()

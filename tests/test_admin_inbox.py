"""The inbox: what each view holds, in which order, what it costs, and what can be found."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from consultations import triage
from consultations.admin import inbox
from consultations.models import ConsultationRequest, Event, Status

INBOX = "/admin/consultations/consultationrequest/"
# A Wednesday at noon in Chicago.
NOON = datetime(2026, 3, 4, 18, 0, tzinfo=UTC)


@pytest.fixture
def at_noon():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def client(at_noon, signed_in, coordinator):
    return signed_in(coordinator)


def names(response):
    return [row.full_name for row in response.context["page"].rows]


def count(response, key):
    return {view.key: count for view, count in response.context["tabs"]}[key]


def hours_ago(hours):
    return NOON - timedelta(hours=hours)


# --- Views and their order -----------------------------------------------------------------


def test_to_do_shows_late_first_then_due_then_the_rest_newest_first(client, a_request):
    a_request(full_name="Due", received_at=hours_ago(1))
    a_request(full_name="Latest", received_at=hours_ago(48))
    a_request(full_name="Late", received_at=hours_ago(28))
    answered = {"status": "in_contact", "first_response_at": NOON}
    a_request(full_name="Answered long ago", received_at=hours_ago(400), **answered)
    a_request(full_name="Answered", received_at=hours_ago(20), **answered)
    a_request(full_name="Closed", status="closed")
    a_request(full_name="Suspect", status="quarantined")
    response = client.get(INBOX)
    assert names(response) == ["Latest", "Late", "Due", "Answered", "Answered long ago"]
    assert "12 h late" in response.content.decode()
    assert "due in 3 h" in response.content.decode()


def test_a_request_without_a_promise_stands_after_those_with_one(client, a_request):
    a_request(full_name="No promise", respond_by=None)
    a_request(full_name="Promise")
    assert names(client.get(INBOX)) == ["Promise", "No promise"]


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        ("mine", {"Mine"}),
        ("unassigned", {"Late", "Due today", "Due tomorrow", "Follow-up", "Overdue"}),
        ("late", {"Late"}),
        ("due-today", {"Due today", "Mine"}),
        ("follow-up", {"Follow-up", "Overdue"}),
        ("quarantine", {"Suspect"}),
        ("closed", {"Closed"}),
        ("spam", {"Spam"}),
    ],
)
def test_each_view_holds_its_requests(client, a_request, coordinator, view, expected):
    answered = {"status": "attempting", "first_response_at": NOON}
    a_request(full_name="Mine", owner=coordinator)
    a_request(full_name="Late", received_at=hours_ago(30))
    a_request(full_name="Due today")
    a_request(full_name="Due tomorrow", respond_by=NOON + timedelta(hours=13))
    a_request(full_name="Follow-up", follow_up_on=NOON.date(), **answered)
    a_request(full_name="Overdue", follow_up_on=NOON.date() - timedelta(days=3), **answered)
    a_request(full_name="Suspect", status="quarantined")
    a_request(full_name="Closed", status="closed")
    a_request(full_name="Spam", status="spam")
    response = client.get(INBOX, {"view": view})
    assert set(names(response)) == expected
    if view not in ("closed", "spam"):
        assert count(response, view) == str(len(expected))


def test_an_unknown_view_or_page_is_no_error(client, a_request):
    a_request()
    assert client.get(INBOX, {"view": "nonsense"}).status_code == 200
    for page in ("0", "-1", "x", "999", "9" * 30):
        assert client.get(INBOX, {"p": page}).status_code == 200


def test_an_empty_view_says_so(client, practice):
    assert (
        "Nobody is waiting longer than promised."
        in client.get(INBOX, {"view": "late"}).content.decode()
    )


def test_tests_of_the_site_are_seen_nowhere(client, a_request):
    a_request(full_name="Real")
    test = a_request(full_name="Test", is_test=True)
    assert names(client.get(INBOX)) == ["Real"]
    assert names(client.get(INBOX, {"view": "all"})) == ["Real"]
    assert client.get(f"{INBOX}{test.pk}/change/").status_code == 302


def test_pages_join_without_gap_or_repetition(client, a_request):
    for number in range(60):
        a_request(received_at=hours_ago(number % 7))
    for number in range(60):
        a_request(status="booked", first_response_at=NOON, received_at=hours_ago(number))
    pages = [client.get(INBOX, {"p": number}) for number in (1, 2, 3, 4)]
    seen = [name for page in pages for name in names(page)]
    assert [len(names(page)) for page in pages] == [50, 50, 20, 0]
    assert len(set(seen)) == 120
    assert [page.context["page"].has_next for page in pages] == [True, True, False, False]


def test_counts_stop_at_their_limit(client, a_request, monkeypatch):
    monkeypatch.setattr(inbox, "COUNTED_TO", 3)
    for _ in range(5):
        a_request()
    assert count(client.get(INBOX), "todo") == "3+"


# --- What it costs -------------------------------------------------------------------------


@pytest.mark.parametrize("view", ["todo", "unassigned", "closed", "all"])
def test_queries_do_not_grow_with_the_rows(
    client, a_request, colleague, procedure, surgeon, django_assert_num_queries, view
):
    def add(number):
        for _ in range(number):
            a_request(procedure=procedure, surgeon=surgeon, owner=colleague)
            a_request(procedure=procedure, status="closed")
            a_request(procedure=procedure)

    add(2)
    with CaptureQueriesContext(connection) as few:
        client.get(INBOX, {"view": view})
    add(15)
    with django_assert_num_queries(len(few)):
        client.get(INBOX, {"view": view})
    assert len(few) <= 18


def test_the_list_never_decrypts_a_message(client, a_request, monkeypatch):
    a_request()

    def forbidden(*args):
        raise AssertionError("decrypted")

    monkeypatch.setattr("practice.encryption.EncryptedTextField.from_db_value", forbidden)
    assert client.get(INBOX).status_code == 200
    assert client.get(INBOX, {"q": "Patient"}).status_code == 200


# --- Search --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        *("maggie", "BLOGGS", "margaret bloggs", "bloggs margaret", "maggie bloggs"),
        *("7QK2M-XH4TB", "7qk2mxh4tb", " 7qk2m xh4tb ", "7qk2m", "7QK2M-X", "7OK2M-XH4TB"),
        *("m.bloggs@example.com", "M.Bloggs@Example.com", "bloggs@"),
        *("(512) 555-0142", "512-555-0142", "+1 512 555 0142", "5125550142", "0142", "555 0142"),
        "1 (512) 555.0142",
    ],
)
def test_one_person_is_found_in_many_ways(client, a_request, query):
    reference = "7QK2M-XH4TB" if "7OK" not in query else "70K2M-XH4TB"
    a_request(
        full_name="Margaret Bloggs",
        preferred_name="Maggie",
        email="m.bloggs@example.com",
        phone="+15125550142",
        reference=reference,
        status="closed",
    )
    a_request(full_name="Somebody Else", phone="+15125550199")
    assert names(client.get(INBOX, {"q": query})) == ["Margaret Bloggs"]


@pytest.mark.parametrize("query", ["zzzz", "+++", "%", "_", "(", "@", "' OR 1=1 --", "x" * 300])
def test_odd_searches_find_nothing_and_break_nothing(client, a_request, query):
    a_request()
    response = client.get(INBOX, {"q": query})
    assert response.status_code == 200
    assert names(response) == []


def test_the_search_form_keeps_names_out_of_addresses(client, a_request):
    a_request(full_name="Margaret Bloggs")
    response = client.post(INBOX, {"q": "bloggs"}, follow=True)
    assert names(response) == ["Margaret Bloggs"]
    assert response.redirect_chain == [(f"{INBOX}?view=search", 302)]


# --- Who sees what -------------------------------------------------------------------------


def test_a_surgeon_sees_and_finds_only_their_own(at_noon, signed_in, a_request, surgeon_user):
    a_request(full_name="Names the surgeon", surgeon=surgeon_user.surgeon)
    a_request(full_name="Given to the surgeon", owner=surgeon_user)
    other = a_request(full_name="Not theirs")
    client = signed_in(surgeon_user)
    assert set(names(client.get(INBOX))) == {"Names the surgeon", "Given to the surgeon"}
    assert count(client.get(INBOX), "todo") == "2"
    assert names(client.get(INBOX, {"q": "Not theirs"})) == []
    assert client.get(f"{INBOX}{other.pk}/change/").status_code == 302
    assert client.post(f"{INBOX}{other.pk}/claim/").status_code == 404
    other.refresh_from_db()
    assert other.owner is None


@pytest.mark.parametrize("role", ["editor", "auditor"])
def test_roles_without_requests_get_none(request, signed_in, a_request, role):
    row = a_request()
    client = signed_in(request.getfixturevalue(role))
    assert client.get(INBOX).status_code == 403
    assert client.get(f"{INBOX}{row.pk}/change/").status_code == 403
    assert client.post(f"{INBOX}{row.pk}/claim/").status_code == 403
    assert client.post(f"{INBOX}several/", {"act": "claim", "chosen": [row.pk]}).status_code == 403


def test_nobody_deletes_not_even_a_superuser(signed_in, a_request, django_user_model):
    owner = django_user_model.objects.create_superuser("owner", "o@example.com", "x")
    row = a_request()
    client = signed_in(owner)
    assert client.post(f"{INBOX}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert ConsultationRequest.objects.filter(pk=row.pk).exists()


# --- Claiming and acting on several --------------------------------------------------------


def test_claim_from_the_list_comes_back_to_the_same_view(client, a_request, coordinator):
    row = a_request()
    back = f"{INBOX}?view=unassigned"
    response = client.post(f"{INBOX}{row.pk}/claim/", {"next": back})
    assert response["Location"] == back
    row.refresh_from_db()
    assert row.owner == coordinator


def test_the_slower_of_two_claims_is_told_who_was_faster(client, a_request, colleague):
    row = a_request(owner=colleague)
    response = client.post(f"{INBOX}{row.pk}/claim/", {"next": INBOX}, follow=True)
    assert "Colin Coordinator already has this request." in response.content.decode()


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:1"])
def test_no_way_back_leads_elsewhere(client, a_request, target):
    row = a_request()
    response = client.post(f"{INBOX}{row.pk}/claim/", {"next": target})
    assert response["Location"] == f"{INBOX}{row.pk}/change/"


def test_several_ask_first_then_report_each(client, a_request, coordinator, colleague):
    free, taken = a_request(full_name="Free"), a_request(full_name="Taken", owner=colleague)
    chosen = {"act": "claim", "chosen": [free.pk, taken.pk, 10**6]}
    asked = client.post(f"{INBOX}several/", chosen)
    assert "Take these requests?" in asked.content.decode()
    free.refresh_from_db()
    assert free.owner is None
    done = client.post(f"{INBOX}several/", chosen | {"sure": "yes"})
    report = done.context["report"]
    assert [row.full_name for row in report.done] == ["Free"]
    assert [(row.full_name, why) for row, why in report.failed] == [
        ("Taken", "Colin Coordinator already has this request.")
    ]
    assert report.not_found == 1
    free.refresh_from_db()
    assert free.owner == coordinator
    assert Event.objects.filter(request=free, kind="assigned", by=coordinator).count() == 1


@pytest.mark.parametrize(
    ("act", "before", "after"),
    [
        ("spam", "quarantined", Status.SPAM),
        ("spam", "new", Status.SPAM),
        ("restore", "spam", Status.NEW),
        ("restore", "quarantined", Status.NEW),
    ],
)
def test_spam_and_back(client, a_request, act, before, after):
    row = a_request(status=before)
    client.post(f"{INBOX}several/", {"act": act, "chosen": [row.pk], "sure": "yes"})
    row.refresh_from_db()
    assert row.status == after


def test_a_move_that_the_rules_forbid_is_named(client, a_request):
    row = a_request(status="booked", first_response_at=timezone.now())
    response = client.post(f"{INBOX}several/", {"act": "spam", "chosen": [row.pk], "sure": "yes"})
    assert response.status_code == 409
    assert "cannot become “Spam”" in response.content.decode()


def test_closing_several_needs_a_reason(client, a_request):
    row = a_request()
    sent = {"act": "close", "chosen": [row.pk], "sure": "yes"}
    assert client.post(f"{INBOX}several/", sent).status_code == 400
    client.post(f"{INBOX}several/", sent | {"reason": "declined", "note": ""})
    row.refresh_from_db()
    assert (row.status, row.close_reason) == (Status.CLOSED, "declined")


def test_nothing_ticked_says_so(client, a_request):
    response = client.post(f"{INBOX}several/", {"act": "claim", "next": INBOX}, follow=True)
    assert "Tick the requests first." in response.content.decode()


# --- The first page ------------------------------------------------------------------------


def test_the_first_page_counts_and_links(client, a_request, coordinator):
    a_request(received_at=hours_ago(30))
    a_request(owner=coordinator)
    page = client.get(reverse("admin:index")).content.decode()
    assert "<strong>1</strong> <span>Late</span>" in page
    assert f"{INBOX}?view=late" in page
    assert "Background worker: never started" in page


def test_the_first_page_tells_an_editor_nothing_of_requests(signed_in, editor, a_request):
    a_request()
    assert "Requests today" not in signed_in(editor).get("/admin/").content.decode()


def test_every_counted_view_agrees_with_its_rows(client, a_request, coordinator):
    for status in Status:
        a_request(status=status)
    a_request(owner=coordinator, received_at=hours_ago(50))
    with timezone.override("America/Chicago"):
        moment = inbox.Moment.of(coordinator)
        everything = ConsultationRequest.objects.all()
        counted = inbox.counts(everything, moment)
        for view in inbox.VIEWS:
            if view.is_counted:
                rows = inbox.cut(view.parts(view.within(everything, moment)), 0, 100)
                assert counted[view.key] == len(rows)


def test_moves_offered_are_those_of_the_table(client, a_request):
    for status in Status:
        row = a_request(status=status)
        response = client.get(f"{INBOX}{row.pk}/change/")
        offered = [to for to, _ in response.context["moves"]]
        assert offered == [to for to in triage.NEXT[status] if to != Status.CLOSED]

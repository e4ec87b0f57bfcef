"""A marker typed into every field, and then looked for everywhere it must not be."""

import logging

import pytest
from auditlog.models import LogEntry
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

from consultations import intake, triage
from consultations.models import ConsultationRequest, ContactAttempt
from consultations.patient_page import private_link
from practice.operations.logs import SafeFormatter
from tests.dump import columns, places_of, tables
from tests.pages import Page
from tests.private_pages import correct

pytestmark = pytest.mark.django_db(transaction=True)

FORM = "/consultation/"
HEALTH = {
    "message": "MARK-message in the patient's own words",
    "note": "MARK-note by staff",
}
PERSONAL = {
    "full_name": "MARK-fullname",
    "preferred_name": "MARK-preferred",
    "email": "mark-email@example.com",
    "phone": "+15125550177",
    "guardian_name": "MARK-guardian",
    "guardian_relationship": "MARK-relationship",
    "interpreter_language": "MARK-language",
}
TRACES = [*HEALTH.values(), *PERSONAL.values(), "MARK-", "mark-email", "5550177", "555-0177"]
REQUESTS = "consultations_consultationrequest"


@pytest.fixture
def sent(practice, answers, caplog):
    """What came back for a request whose every field holds a marker."""
    told = PERSONAL | {"message": HEALTH["message"], "is_under_18": "on", "may_text": "on"}
    with caplog.at_level(logging.DEBUG):
        yield Client().post(FORM, answers | told, headers={"X-Forwarded-For": "203.0.113.7"})


@pytest.fixture
def stored(sent):
    return ConsultationRequest.objects.get()


def as_the_site_logs(records):
    """Log lines as the handler of the settings writes them."""
    (handler,) = [h for h in logging.getLogger().handlers if isinstance(h.formatter, SafeFormatter)]
    for record in records:
        record.exc_text = None  # What another formatter has left there.
    return "\n".join(handler.format(record) for record in records)


def traces_in(text):
    return [trace for trace in TRACES if trace in text]


# --- On the way -------------------------------------------------------------------------------


def test_no_marker_is_in_the_address_that_follows_or_in_a_header(sent):
    assert sent.status_code == 302
    assert traces_in(str(sent.headers) + str(sent.cookies)) == []


def test_no_marker_is_on_the_confirmation_but_for_none(sent):
    page = Page(Client().get(sent["Location"]))

    assert HEALTH["message"] not in page.source
    assert "MARK-guardian" not in page.source


def test_no_marker_is_logged_when_all_goes_well(sent, caplog):
    Client().get(sent["Location"])
    call_command("run_worker", once=True)

    assert caplog.records
    assert traces_in(as_the_site_logs(caplog.records)) == []


def test_no_marker_is_logged_when_something_breaks(practice, answers, caplog, monkeypatch):
    def fail(*args, **kwargs):
        raise ValueError(f"The row was {args} {HEALTH['message']}")

    monkeypatch.setattr(intake, "_store", fail)
    client = Client(raise_request_exception=False)

    response = client.post(FORM, answers | PERSONAL | {"message": HEALTH["message"]})

    assert response.status_code == 500
    assert traces_in(response.content.decode()) == []
    written = as_the_site_logs(caplog.records)
    assert "builtins.ValueError" in written
    assert traces_in(written) == []


def test_no_marker_is_in_the_cache(sent, stored):
    Client().get(sent["Location"])
    Client().get(private_link.path(stored))
    Client().get("/")

    kept = repr({name: cache.get(name.split(":", 2)[2]) for name in cache._cache})
    assert traces_in(kept) == []


# --- In the database --------------------------------------------------------------------------


def test_what_a_patient_wrote_is_nowhere_in_clear(stored):
    assert stored.message == HEALTH["message"]
    assert places_of("MARK-message") == set()


def test_what_staff_noted_is_nowhere_in_clear(stored, coordinator):
    note = HEALTH["note"]
    triage.add_note(stored, note, by=coordinator)
    triage.record_contact(
        stored,
        ContactAttempt.Channel.CALL,
        ContactAttempt.Outcome.REACHED,
        by=coordinator,
        note=note,
    )
    triage.move(stored, "booked", by=coordinator, note=note)
    triage.move(stored, "closed", by=coordinator, note=note, reason="seen")

    assert [event.note for event in stored.events.all()].count(note) == 4
    assert places_of("MARK-note") == set()


@pytest.mark.parametrize("field", PERSONAL)
def test_who_the_patient_is_stands_in_the_request_and_where_the_mail_goes_and_nowhere_else(
    stored, field
):
    allowed = {f"{REQUESTS}.{field}"}
    if field == "email":  # Staff find the request by it.
        allowed |= {"post_office_email.to", "consultations_searchword.word"}

    assert places_of(PERSONAL[field]) == allowed


def test_after_the_mail_is_sent_nothing_more_is_kept_of_it(stored):
    before = {trace: places_of(trace) for trace in PERSONAL.values()}

    call_command("run_worker", once=True)

    assert {trace: places_of(trace) for trace in PERSONAL.values()} == before


def test_a_correction_leaves_the_old_address_in_no_clear_column(stored):
    correct(Client(), stored, phone="+15125550188", email="new-address@example.com")

    assert places_of("5550177") == set()
    # The mail to the old address has been queued and says where it went.
    assert places_of("mark-email@") == {"post_office_email.to"}


def test_the_audit_says_that_something_changed_and_not_what_it_said(stored):
    for field in PERSONAL:
        setattr(stored, field, "+15125550166" if field == "phone" else "MARK-new@example.com")
    stored.message = "MARK-message, changed"
    stored.save()

    changes = LogEntry.objects.get_for_object(stored).get().changes
    assert set(changes) == set(PERSONAL)
    assert set(map(tuple, changes.values())) == {("(redacted)", "(redacted)")}
    assert places_of("MARK-new") == {f"{REQUESTS}.{field}" for field in PERSONAL} - {
        f"{REQUESTS}.phone"
    }
    assert places_of("5550166") == {f"{REQUESTS}.phone"}
    assert places_of("MARK-message") == set()


def test_the_address_that_the_form_came_from_is_nowhere(stored):
    assert places_of("203.0.113") == set()


def test_the_search_itself_finds_what_is_there(stored):
    """So that an empty answer above means something."""
    assert places_of(stored.reference) >= {f"{REQUESTS}.reference", "post_office_email.subject"}
    assert len(tables()) > 30
    assert PERSONAL["full_name"] in columns(REQUESTS)["full_name"]

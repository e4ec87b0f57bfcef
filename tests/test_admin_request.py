"""The page of one request: what it shows, what each act does, and that no note is ever lost."""

from datetime import date, timedelta

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consultations import triage
from consultations.models import Consent, ContactAttempt, Event, Status

REQUESTS = "/admin/consultations/consultationrequest/"
NOTE = "She cried on the phone & asked <b>twice</b>."


@pytest.fixture
def client(signed_in, coordinator):
    return signed_in(coordinator)


def page(row):
    return f"{REQUESTS}{row.pk}/change/"


def act(client, row, name, **answers):
    seen = {
        "seen_status": row.status,
        "seen_owner": row.owner_id or "",
        "seen_follow_up": row.follow_up_on or "",
    }
    return client.post(f"{REQUESTS}{row.pk}/{name}/", seen | answers)


def text(response):
    return response.content.decode()


# --- What is shown -------------------------------------------------------------------------


def test_the_page_is_made_for_the_call(client, a_request, procedure, surgeon):
    row = a_request(
        full_name="Margaret Bloggs",
        preferred_name="Maggie",
        message="My nose.\n\n<script>alert(1)</script>",
        procedure=procedure,
        procedure_version=3,
        surgeon=surgeon,
        interpreter_language="Spanish",
        is_under_18=True,
        guardian_name="Mum Bloggs",
        may_text=True,
        best_time="morning",
    )
    Consent.objects.create(
        request=row, kind="text", version="2026-11", wording="You may text.", is_given=True
    )
    shown = text(client.get(page(row)))
    for part in (
        *("Margaret Bloggs", "Maggie", "Rhinoplasty, page version 3", "Robin Example"),
        *("Spanish", "Mum Bloggs", "Mornings", "You may text.", "2026-11", row.reference),
        *(f'href="tel:{row.phone.as_e164}"', f'href="sms:{row.phone.as_e164}"'),
        f'href="mailto:{row.email}"',
        "&lt;script&gt;alert(1)&lt;/script&gt;",
    ):
        assert part in shown
    assert "<script>alert" not in shown


def test_what_was_not_agreed_to_is_off_and_says_why(client, a_request):
    row = a_request()
    shown = text(client.get(page(row)))
    assert "sms:" not in shown
    assert "The patient has not agreed to text messages." in shown
    assert "The patient has not agreed to voicemail." in shown
    for channel in ("text", "voicemail"):
        response = act(client, row, "contact", channel=channel, outcome="message_left", note=NOTE)
        assert response.status_code == 400
        assert "has not agreed" in text(response)
    assert not ContactAttempt.objects.exists()


def test_without_a_number_there_is_only_mail(client, a_request):
    row = a_request(phone="", contact_method="email")
    shown = text(client.get(page(row)))
    assert "tel:" not in shown
    assert "No phone number was given." in shown


def test_other_requests_of_the_person_are_linked(client, a_request):
    row = a_request(email="a@example.com", phone="+15125550150")
    same_mail = a_request(full_name="Same mail", email="A@example.com", phone="")
    same_number = a_request(full_name="Same number", phone="+15125550150")
    a_request(full_name="Stranger")
    others = client.get(page(row)).context["others"]
    assert {other.pk for other in others} == {same_mail.pk, same_number.pk}


def test_an_empty_number_is_nobody_s(client, a_request):
    row = a_request(phone="")
    a_request(phone="")
    assert not client.get(page(row)).context["others"]


def test_queries_do_not_grow_with_the_timeline(client, a_request, coordinator, procedure):
    row = a_request(procedure=procedure, owner=coordinator)

    def queries():
        with CaptureQueriesContext(connection) as captured:
            client.get(page(row))
        return len(captured)

    queries()  # Fills the cache of content types.
    few = queries()
    for _ in range(20):
        triage.add_note(row, "More.", by=coordinator)
        a_request(email=row.email, procedure=procedure)
    assert queries() == few
    assert few <= 24


def test_a_request_that_is_gone_is_no_error(client, practice):
    assert client.get(f"{REQUESTS}999/change/").status_code == 302
    assert client.post(f"{REQUESTS}999/note/", {"note": "x"}).status_code == 404


# --- Acts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("to", triage.NEXT[Status.NEW])
def test_every_button_of_a_new_request_works(client, a_request, coordinator, to):
    row = a_request()
    if to == Status.CLOSED:
        response = act(client, row, "close", reason="declined", note=NOTE)
    else:
        response = act(client, row, "move", to=to, note=NOTE)
    assert response["Location"] == page(row)
    row.refresh_from_db()
    assert row.status == to
    event = Event.objects.get(request=row, kind="moved")
    assert (event.by, event.note) == (coordinator, NOTE)


def test_one_press_saves_a_contact(client, a_request, coordinator):
    row = a_request()
    day = timezone.localdate() + timedelta(days=2)
    act(client, row, "contact", channel="call", outcome="no_answer", note=NOTE, follow_up_on=day)
    row.refresh_from_db()
    assert (row.status, row.follow_up_on) == (Status.ATTEMPTING, day)
    assert row.first_response_at is not None
    assert ContactAttempt.objects.get().outcome == "no_answer"
    assert "&lt;b&gt;twice&lt;/b&gt;" in text(client.get(page(row)))


def test_owner_note_and_follow_up(client, a_request, coordinator, colleague):
    row = a_request()
    act(client, row, "claim")
    row.refresh_from_db()
    assert row.owner == coordinator
    act(client, row, "give", colleague=colleague.pk)
    row.refresh_from_db()
    assert row.owner == colleague
    act(client, row, "release")
    row.refresh_from_db()
    assert row.owner is None
    act(client, row, "note", note=NOTE)
    assert Event.objects.filter(request=row, kind="noted").get().note == NOTE
    act(client, row, "note", follow_up_on="2030-01-02")
    row.refresh_from_db()
    assert row.follow_up_on == date(2030, 1, 2)
    act(client, row, "note", follow_up_on="")
    row.refresh_from_db()
    assert row.follow_up_on is None


def test_only_staff_who_triage_can_be_given_a_request(client, a_request, editor):
    row = a_request()
    response = act(client, row, "give", colleague=editor.pk)
    assert response.status_code == 400
    assert "cannot take requests" in text(response)


def test_acts_need_post(client, a_request):
    row = a_request()
    for name in ("claim", "note", "move", "close", "contact", "give", "release", "write"):
        assert client.get(f"{REQUESTS}{row.pk}/{name}/")["Location"] == page(row)
    assert Event.objects.filter(request=row).count() == 1


def test_looking_is_not_acting(signed_in, a_request, coordinator):
    coordinator.groups.clear()
    for codename in ("view_consultationrequest", "view_every_request"):
        coordinator.user_permissions.add(Permission.objects.get(codename=codename))
    client, row = signed_in(coordinator), a_request()
    shown = text(client.get(page(row)))
    assert "may look at this request, not work on it" in shown
    assert "Log a contact" not in shown
    assert act(client, row, "note", note=NOTE).status_code == 403


# --- Failing, with the note kept -----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("move", {"to": "in_contact"}),
        ("close", {"reason": "no_reply"}),
        ("contact", {"channel": "call", "outcome": "reached"}),
    ],
)
def test_the_slower_one_is_told_and_keeps_the_note(client, a_request, colleague, name, answers):
    row = a_request()
    triage.move(triage.ConsultationRequest.objects.get(pk=row.pk), "attempting", by=colleague)
    response = act(client, row, name, note=NOTE, **answers)
    assert response.status_code == 409
    shown = text(response)
    assert "Colin Coordinator changed this request meanwhile" in shown
    assert "asked &lt;b&gt;twice&lt;/b&gt;.</textarea>" in shown
    row.refresh_from_db()
    assert row.status == Status.ATTEMPTING
    # The page now carries the fresh state, so sending the same again is a decision.
    assert 'name="seen_status" value="attempting"' in shown
    act(client, row, name, note=NOTE, **answers)
    assert NOTE in [event.note for event in Event.objects.filter(request=row)]


def test_a_claim_on_an_old_page_names_the_owner(client, a_request, colleague):
    row = a_request()
    triage.claim(triage.ConsultationRequest.objects.get(pk=row.pk), by=colleague)
    response = act(client, row, "claim")
    assert response.status_code == 409
    assert "belongs to Colin Coordinator" in text(response)


@pytest.mark.parametrize(
    ("name", "answers", "why"),
    [
        ("close", {}, "Choose why this request is closed."),
        ("close", {"reason": "nonsense"}, "nonsense"),
        ("move", {}, "Choose one of the states."),
        ("move", {"to": "booked"}, "cannot become “Booked”"),
        ("move", {"to": "duplicate"}, "cannot become “Duplicate”"),
        ("contact", {"channel": "call"}, "Press the button that says how it went."),
        ("contact", {"outcome": "reached"}, "Choose how you tried to reach the patient."),
        (
            "contact",
            {"channel": "call", "outcome": "reached", "follow_up_on": "soon"},
            "Enter the day as year-month-day",
        ),
    ],
)
def test_a_form_with_a_fault_keeps_the_note(client, a_request, name, answers, why):
    row = a_request()
    response = act(client, row, name, note=NOTE, **answers)
    assert response.status_code in (400, 409)
    assert why in text(response)
    assert "asked &lt;b&gt;twice&lt;/b&gt;.</textarea>" in text(response)
    assert text(response).count("<title>Error:") == 1
    row.refresh_from_db()
    assert row.status == Status.NEW


def test_an_empty_note_is_refused(client, a_request):
    response = act(client, a_request(), "note", note="  ")
    assert response.status_code == 400
    assert "Write the note before saving it." in text(response)


def test_giving_a_request_out_of_sight_leads_to_the_inbox(
    signed_in, a_request, surgeon_user, coordinator
):
    row = a_request(owner=surgeon_user)
    response = act(signed_in(surgeon_user), row, "give", colleague=coordinator.pk)
    assert response["Location"] == REQUESTS


@pytest.mark.parametrize("seen", ["nonsense", "", "-1", "9" * 40])
def test_a_forged_view_of_the_past_is_no_error(client, a_request, seen):
    row = a_request()
    forged = {"seen_status": seen, "seen_owner": seen, "seen_follow_up": seen, "note": NOTE}
    assert client.post(f"{REQUESTS}{row.pk}/note/", forged).status_code == 302
    for name in ("claim", "release", "write", "contact"):
        assert client.post(f"{REQUESTS}{row.pk}/{name}/", forged).status_code in (302, 400, 409)


# --- Every look is recorded ----------------------------------------------------------------


def test_every_look_is_recorded_and_shown(client, a_request, coordinator):
    row = a_request()
    client.get(page(row))
    shown = text(client.get(page(row)))
    looks = LogEntry.objects.get_for_object(row).filter(action=LogEntry.Action.ACCESS)
    assert [look.actor for look in looks] == [coordinator, coordinator]
    assert "Carla Coordinator" in shown
    assert "2 times" in shown


def test_a_page_shown_after_a_fault_is_a_look_too(client, a_request):
    row = a_request()
    act(client, row, "note", note="")
    assert LogEntry.objects.get_for_object(row).filter(action=LogEntry.Action.ACCESS).count() == 1

"""Working on a request: one form whose buttons save all that was typed, and what comes next."""

import re
from datetime import date

import pytest
from django.utils import timezone

from consultations.models import Event, Status
from tests.test_admin_request import NOTE, REQUESTS, act, page, text


@pytest.fixture
def client(signed_in, coordinator):
    return signed_in(coordinator)


def filled(response):
    return re.findall(r'<button [^>]*class="[^"]*\bmain"[^>]*>([^<]+)<', text(response))


# --- One form ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("claim", {}),
        ("release", {}),
        ("give", {"colleague": "colleague"}),
        ("write", {"template": "1"}),
        ("note", {}),
        ("contact", {"channel": "call", "outcome": "no_answer"}),
        ("move", {"to": "in_contact"}),
        ("close", {"reason": "no_reply"}),
        ("move", {"to": "spam"}),
    ],
)
def test_whichever_button_is_pressed_the_note_is_saved_once(
    client, a_request, coordinator, colleague, name, answers
):
    row = a_request(owner=coordinator if name == "release" else None)
    if "colleague" in answers:
        answers = {"colleague": colleague.pk}
    response = act(client, row, name, note=NOTE, follow_up_on="2030-01-02", **answers)
    assert response.status_code == 302
    assert [event.note for event in Event.objects.filter(request=row) if event.note] == [NOTE]
    row.refresh_from_db()
    assert row.follow_up_on == (date(2030, 1, 2) if row.is_open else None)
    assert Event.objects.filter(request=row, kind="follow_up").count() == row.is_open


def test_every_button_of_daily_work_is_in_the_form_of_the_note(client, a_request):
    shown = text(client.get(page(a_request())))
    assert shown.count('name="note"') == 1
    assert shown.count('name="follow_up_on"') == 1
    form = shown.partition('id="work"')[2].partition("</form>")[0]
    for name in ("contact", "note", "write", "move", "close"):
        assert f'/{name}/"' in form
        assert f'/{name}/"' not in shown.replace(form, "")
    for name in ("claim", "give"):
        assert re.search(rf'<button type="submit" form="work" formaction="[^"]*/{name}/"', shown)


def test_an_email_starts_with_what_was_typed_saved(client, a_request, practice):
    row = a_request()
    response = act(client, row, "write", template="7", note=NOTE)
    assert response["Location"] == f"{REQUESTS}{row.pk}/letter/?template=7"
    assert "The note is saved." in text(client.get(page(row)))


def test_the_follow_up_alone_can_be_saved(client, a_request):
    row = a_request(follow_up_on=date(2030, 1, 2))
    response = act(client, row, "note", follow_up_on="2030-01-02")
    assert response.status_code == 400
    assert act(client, row, "note", follow_up_on="2030-01-03").status_code == 302
    shown = text(client.get(page(row)))
    assert "The follow-up is saved." in shown
    assert "The note is saved." not in shown


def test_a_contact_can_clear_the_follow_up(client, a_request):
    row = a_request(follow_up_on=date(2030, 1, 2))
    act(client, row, "contact", channel="call", outcome="reached", follow_up_on="")
    row.refresh_from_db()
    assert (row.status, row.follow_up_on) == (Status.IN_CONTACT, None)


# --- Whom to contact, and what comes next --------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": "closed", "close_reason": "withdrawn"}, "withdrawn by the patient"),
        ({"deletion_asked_at": timezone.now()}, "the patient asked for deletion"),
    ],
)
def test_who_wants_no_contact_is_not_offered_for_one(client, a_request, fields, words):
    row = a_request(**fields)
    shown = text(client.get(page(row)))
    before, warning, after = shown.partition(f"Do not contact: {words}.")
    assert warning
    assert "tel:" not in before
    assert after.index("<details") < after.index("tel:") < after.index("</details>")
    assert filled(client.get(page(row))) == []


@pytest.mark.parametrize("status", ["closed", "duplicate", "spam", "quarantined"])
def test_what_is_not_open_is_neither_claimed_nor_called_first(client, a_request, status):
    shown = text(client.get(page(a_request(status=status))))
    assert "/claim/" not in shown
    assert 'class="way main"' not in shown
    assert "Do not contact" not in shown


def test_only_the_next_act_is_filled(client, a_request, coordinator):
    row = a_request()
    assert filled(client.get(page(row))) == ["Claim"]
    act(client, row, "claim")
    assert filled(client.get(page(row))) == ["Reached the patient"]

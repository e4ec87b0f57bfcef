"""Saving on an old page: nothing is overwritten, nothing typed is lost, both sides are shown."""

import re
from datetime import date

import pytest
from post_office.models import Email

from consultations import privacy, triage
from consultations.admin import acts
from consultations.models import ConsultationRequest, Event
from consultations.staff_work import replies

REQUESTS = "/admin/consultations/consultationrequest/"
NOTE = "Will call again."


@pytest.fixture
def client(signed_in, coordinator):
    return signed_in(coordinator)


def seen(row):
    return {
        "seen_status": row.status,
        "seen_owner": row.owner_id or "",
        "seen_follow_up": row.follow_up_on or "",
    }


def test_the_refusal_shows_field_by_field_what_changed(client, a_request, coordinator, colleague):
    row = a_request(owner=coordinator)
    was = seen(row)
    now = ConsultationRequest.objects.get(pk=row.pk)
    triage.assign(now, colleague, by=colleague)
    triage.move(now, "attempting", by=colleague)
    triage.follow_up(now, date(2031, 5, 6), by=colleague)
    response = client.post(f"{REQUESTS}{row.pk}/close/", was | {"reason": "no_reply", "note": NOTE})
    assert response.status_code == 409
    meanwhile = [(label, str(then), str(now)) for label, then, now in response.context["meanwhile"]]
    assert meanwhile[0] == ("State", "New", "Trying to reach")
    assert meanwhile[1] == ("Owner", "Carla Coordinator", "Colin Coordinator")
    assert meanwhile[2][:2] == ("Follow-up", "none")
    assert "2031" in meanwhile[2][2]
    shown = response.content.decode()
    assert "When you opened it" in shown
    assert f"{NOTE}</textarea>" in shown
    # What was chosen is ready to be sent again, against the state as it is now.
    assert re.search(r'value="no_reply"[^>]* checked', shown)
    assert 'name="seen_status" value="attempting"' in shown
    row.refresh_from_db()
    response = client.post(
        f"{REQUESTS}{row.pk}/close/", seen(row) | {"reason": "no_reply", "note": NOTE}
    )
    assert response.status_code == 302
    assert Event.objects.filter(request=row, to_status="closed").get().note == NOTE


def test_a_fault_of_one_s_own_shows_no_table(client, a_request):
    row = a_request()
    response = client.post(f"{REQUESTS}{row.pk}/close/", seen(row) | {"note": NOTE})
    assert "When you opened it" not in response.content.decode()


def test_a_contact_does_not_overwrite_a_follow_up_that_a_colleague_set(
    client, a_request, colleague
):
    row = a_request()
    was = seen(row)
    triage.follow_up(ConsultationRequest.objects.get(pk=row.pk), date(2031, 5, 6), by=colleague)
    sent = {"channel": "call", "outcome": "no_answer", "note": NOTE, "follow_up_on": "2031-01-01"}
    response = client.post(f"{REQUESTS}{row.pk}/contact/", was | sent)
    assert response.status_code == 409
    assert f"{NOTE}</textarea>" in response.content.decode()
    row.refresh_from_db()
    assert row.follow_up_on == date(2031, 5, 6)


def test_a_day_left_alone_is_never_put_back_over_a_colleague_s(client, a_request, colleague):
    """Given an old page, when its form is refused and sent again, their follow-up still stands."""
    row = a_request(follow_up_on=date(2031, 1, 1))
    was = seen(row)
    triage.follow_up(ConsultationRequest.objects.get(pk=row.pk), date(2031, 5, 6), by=colleague)
    sent = {"note": NOTE, "follow_up_on": "2031-01-01"}
    refused = client.post(f"{REQUESTS}{row.pk}/close/", was | sent).content.decode()
    assert 'name="follow_up_on" value="2031-05-06"' in refused
    assert client.post(f"{REQUESTS}{row.pk}/note/", was | sent).status_code == 302
    row.refresh_from_db()
    assert row.follow_up_on == date(2031, 5, 6)


def test_where_a_colleague_has_merged_it_meanwhile_is_shown(
    client, a_request, coordinator, colleague
):
    row, first, second = a_request(), a_request(), a_request()
    triage.merge(row, first, by=coordinator)
    was = seen(row) | {"seen_into": first.pk}
    triage.unmerge(ConsultationRequest.objects.get(pk=row.pk), by=colleague)
    triage.merge(ConsultationRequest.objects.get(pk=row.pk), second, by=colleague)
    response = client.post(f"{REQUESTS}{row.pk}/unmerge/", was)
    assert response.status_code == 409
    expected = ("Merged into", first.reference, second.reference)
    assert response.context["meanwhile"] == [expected]


LETTER = {"step": "send", "subject": "Your request", "body": "Please call us."}
ON_THEIR_WAY = {
    "a note": (acts, "perform", "note", {"note": NOTE}),
    "a note, from the inbox": (acts, "perform", "note", {"note": NOTE, "next": REQUESTS}),
    "a letter": (replies, "send", "letter", LETTER),
    "a merge": (triage, "merge", "merge", {}),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("where", "verb", "act", "sent"), ON_THEIR_WAY.values(), ids=ON_THEIR_WAY.keys()
)
def test_what_was_erased_while_something_was_on_its_way_is_said_to_be_gone(
    client, a_request, monkeypatch, where, verb, act, sent
):
    row, other = a_request(), a_request()
    done = getattr(where, verb)

    def erased_just_before(*args, **kwargs):
        privacy.erase(ConsultationRequest.objects.get(pk=row.pk), reason="Asked", by="Maria")
        return done(*args, **kwargs)

    monkeypatch.setattr(where, verb, erased_just_before)
    sent = seen(row) | {"into": other.pk} | sent
    response = client.post(f"{REQUESTS}{row.pk}/{act}/", sent, follow=True)
    assert response.redirect_chain == [(REQUESTS, 302)]
    assert "This request no longer exists. Nothing was changed." in response.content.decode()
    assert not Email.objects.exists()


@pytest.mark.parametrize("forged", ["nonsense", "9" * 40, "-1", "²"])
def test_a_forged_past_is_no_error(client, a_request, forged):
    row = a_request(owner=None)
    sent = dict.fromkeys([*seen(row), "seen_into"], forged) | {"to": "attempting"}
    assert client.post(f"{REQUESTS}{row.pk}/release/", sent).status_code in (302, 409)
    assert client.post(f"{REQUESTS}{row.pk}/note/", sent).status_code in (302, 400, 409)

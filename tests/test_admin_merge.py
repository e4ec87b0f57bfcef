"""Merging in the admin: asked first, shown together, undone."""

import re

import pytest
from auditlog.models import LogEntry
from django.utils import timezone

from consultations import triage
from consultations.models import Consent, ConsultationRequest, Status

REQUESTS = "/admin/consultations/consultationrequest/"


@pytest.fixture
def client(signed_in, coordinator):
    return signed_in(coordinator)


@pytest.fixture
def pair(a_request):
    """(the later one, the one to keep) of one person."""
    kept = a_request(full_name="Ada", email="ada@example.com")
    return a_request(full_name="Ada", email="ada@example.com", message="The second."), kept


def page(row):
    return f"{REQUESTS}{row.pk}/change/"


def merge(client, row, into, **more):
    sent = {"into": into.pk, "seen_status": row.status} | more
    return client.post(f"{REQUESTS}{row.pk}/merge/", sent)


def text(response):
    return response.content.decode()


def form_of(response, act):
    """What the first button for this act would send."""
    form = re.search(rf'<form [^>]*/{act}/">(.*?)</form>', text(response), re.DOTALL)[1]
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))


def test_each_other_request_of_the_person_can_be_merged_into(client, pair):
    row, kept = pair
    assert f"Merge this into {kept.reference}" in text(client.get(page(row)))
    confirm = client.get(f"{REQUESTS}{row.pk}/merge/", {"into": kept.pk})
    assert row.reference in text(confirm)
    assert kept.reference in text(confirm)
    assert "The second." in text(confirm)
    row.refresh_from_db()
    assert row.status == Status.NEW


@pytest.mark.parametrize("write", [str, str.lower, lambda text: text.replace("-", " ")])
def test_a_reference_may_be_typed_in_any_way(client, pair, write):
    row, kept = pair
    confirm = client.get(f"{REQUESTS}{row.pk}/merge/", {"reference": write(kept.reference)})
    assert confirm.context["into"] == kept


@pytest.mark.parametrize("given", [{}, {"reference": "ZZZZZ-ZZZZZ"}, {"into": "9" * 30}])
def test_a_reference_of_nobody_is_told_kindly(client, pair, given):
    response = client.get(f"{REQUESTS}{pair[0].pk}/merge/", given, follow=True)
    assert "No single other request has this reference" in text(response)


def test_itself_is_told_kindly(client, pair):
    given = {"reference": pair[0].reference}
    response = client.get(f"{REQUESTS}{pair[0].pk}/merge/", given, follow=True)
    assert "This is the same request" in text(response)


def test_the_original_shows_both_histories_and_undoes_it(client, pair, coordinator):
    row, kept = pair
    triage.add_note(row, "Said on the second one.", by=coordinator)
    Consent.objects.create(
        request=row, kind="text", version="2026-11", wording="You may text.", is_given=True
    )
    assert merge(client, row, kept)["Location"] == page(kept)
    shown = text(client.get(page(kept)))
    for part in ("Merged into this", "The second.", "Said on the second one.", "You may text."):
        assert part in shown
    assert shown.count(f", from {row.reference}") >= 3
    banner = text(client.get(page(row)))
    assert "This request is merged into" in banner
    assert page(kept) in banner
    undone = client.post(
        f"{REQUESTS}{row.pk}/unmerge/", {"seen_status": "duplicate", "next": page(kept)}
    )
    assert undone["Location"] == page(kept)
    row.refresh_from_db()
    assert (row.status, row.duplicate_of) == (Status.NEW, None)
    assert "Said on the second one." not in text(client.get(page(kept)))


def test_seeing_the_original_is_seeing_what_was_merged(client, pair, coordinator):
    row, kept = pair
    triage.merge(row, kept, by=coordinator)
    client.get(page(kept))
    assert LogEntry.objects.get_for_object(row).filter(action=LogEntry.Action.ACCESS).exists()


def test_a_colleague_s_change_stops_the_merge(client, pair, colleague):
    row, kept = pair
    triage.move(ConsultationRequest.objects.get(pk=row.pk), Status.ATTEMPTING, by=colleague)
    response = merge(client, row, kept)
    assert response.status_code == 409
    assert "Colin Coordinator changed this request meanwhile" in text(response)
    row.refresh_from_db()
    assert row.status == Status.ATTEMPTING


@pytest.mark.parametrize(
    ("status", "why"),
    [("closed", "Reopen it, or merge it into this"), ("spam", "“Spam”"), ("duplicate", "original")],
)
def test_an_open_request_does_not_vanish_behind_one_that_is_not(client, pair, status, why):
    row, kept = pair
    fields = {"status": status}
    if status == "closed":
        fields |= {"close_reason": "declined", "closed_at": timezone.now()}
    ConsultationRequest.objects.filter(pk=kept.pk).update(**fields)
    response = merge(client, row, kept)
    assert response.status_code == 409
    assert why in text(response)
    row.refresh_from_db()
    assert row.status == Status.NEW


def test_two_cannot_be_merged_into_each_other(pair, coordinator):
    row, kept = pair
    triage.merge(row, kept, by=coordinator)
    with pytest.raises(triage.TriageError):
        triage.merge(kept, ConsultationRequest.objects.get(pk=row.pk), by=coordinator)


def test_strangers_and_an_earlier_promise_are_warned_of(client, a_request):
    earlier, later = a_request(respond_by=timezone.now()), a_request()
    confirm = text(client.get(f"{REQUESTS}{earlier.pk}/merge/", {"into": later.pk}))
    assert "Different email and phone" in confirm
    assert "was promised a reply sooner" in confirm


@pytest.mark.parametrize("from_page", ["its own", "the original's"])
def test_an_older_page_does_not_undo_what_a_colleague_has_merged_elsewhere(
    client, pair, a_request, coordinator, colleague, from_page
):
    (row, kept), other = pair, a_request(email="ada@example.com")
    triage.merge(row, kept, by=coordinator)
    sent = form_of(client.get(page(row if from_page == "its own" else kept)), "unmerge")
    triage.unmerge(ConsultationRequest.objects.get(pk=row.pk), by=colleague)
    triage.merge(ConsultationRequest.objects.get(pk=row.pk), other, by=colleague)

    response = client.post(f"{REQUESTS}{row.pk}/unmerge/", sent, follow=True)

    assert f"merged into {other.reference}" in text(response)
    row.refresh_from_db()
    assert (row.status, row.duplicate_of) == (Status.DUPLICATE, other)


def test_a_merge_can_be_undone_when_the_original_is_gone(pair, coordinator):
    row, kept = pair
    triage.merge(row, kept, by=coordinator)
    kept.delete()
    row = ConsultationRequest.objects.get(pk=row.pk)
    triage.unmerge(row, by=coordinator)
    assert row.status == Status.NEW


def test_a_surgeon_sees_of_what_was_merged_only_their_own(
    signed_in, surgeon_user, surgeon, a_request, coordinator
):
    kept, foreign = a_request(surgeon=surgeon), a_request(message="For another surgeon.")
    triage.merge(foreign, kept, by=coordinator)
    assert "For another surgeon." not in text(signed_in(surgeon_user).get(page(kept)))

"""Merging a duplicate into its original, and undoing it as if nothing had been."""

import threading

import pytest
from django.db import connection

from consultations import triage
from consultations.models import CloseReason, ConsultationRequest, ContactAttempt, Event, Status

pytestmark = pytest.mark.django_db

OPEN = ["new", "attempting", "in_contact", "booked"]
NOT_OPEN = [status for status in Status.values if status not in OPEN]


def stored(request):
    return ConsultationRequest.objects.get(pk=request.pk)


def everything():
    rows = list(ConsultationRequest.objects.order_by("pk").values())
    return rows, Event.objects.count()


@pytest.mark.parametrize("was", OPEN)
@pytest.mark.parametrize("original", OPEN)
def test_an_open_request_is_merged_into_an_open_one(a_request, coordinator, was, original):
    twin, first = a_request(status=was), a_request(status=original)

    triage.merge(twin, first, by=coordinator)

    assert (stored(twin).status, stored(twin).duplicate_of) == ("duplicate", first)
    assert stored(first).status == original
    line = twin.events.get(kind=Event.Kind.MERGED)
    assert (line.by, line.from_status, line.to_status) == (coordinator, was, "duplicate")
    assert first.events.get(kind=Event.Kind.MERGED).by == coordinator


@pytest.mark.parametrize("status", NOT_OPEN)
def test_what_is_not_open_is_neither_merged_nor_merged_into(a_request, coordinator, status):
    ended, fresh = a_request(status=status), a_request()
    before = everything()

    for twin, into in ((ended, fresh), (fresh, ended)):
        with pytest.raises(triage.TriageError):
            triage.merge(twin, into, by=coordinator)

    assert everything() == before


def test_of_a_duplicate_the_original_is_asked_for(a_request, coordinator):
    twin, first, third = a_request(), a_request(), a_request()
    triage.merge(twin, first, by=coordinator)

    with pytest.raises(triage.TriageError, match="Merge into its original"):
        triage.merge(third, twin, by=coordinator)


def test_a_request_is_not_merged_into_itself(a_request, coordinator):
    request = a_request()

    with pytest.raises(triage.TriageError, match="another request"):
        triage.merge(stored(request), request, by=coordinator)

    assert stored(request).status == "new"


def test_a_request_that_others_are_merged_into_stays(a_request, coordinator):
    twin, first, third = a_request(), a_request(), a_request()
    triage.merge(twin, first, by=coordinator)
    before = everything()

    with pytest.raises(triage.TriageError, match="Others are merged"):
        triage.merge(first, third, by=coordinator)

    assert everything() == before


def test_nothing_is_merged_into_what_was_erased_meanwhile(a_request, coordinator):
    twin, gone = a_request(), a_request()
    ConsultationRequest.objects.filter(pk=gone.pk).delete()

    with pytest.raises(triage.TriageError, match="no longer exists"):
        triage.merge(twin, gone, by=coordinator)

    assert stored(twin).status == "new"


def test_the_slower_of_two_colleagues_is_told(a_request, coordinator, colleague):
    twin, first = a_request(), a_request()
    on_the_screen = stored(twin)
    triage.move(twin, "attempting", by=colleague)
    before = everything()

    with pytest.raises(triage.TriageError, match="Colin Coordinator changed"):
        triage.merge(on_the_screen, first, by=coordinator)

    assert everything() == before


@pytest.mark.django_db(transaction=True)
def test_two_requests_merged_into_each_other_at_once_do_not_both_disappear(
    a_request, coordinator, colleague
):
    one, other = a_request(), a_request()
    ready = threading.Barrier(2, timeout=20)
    refused = []

    def merge(request, into, user):
        try:
            seen = stored(request)
            ready.wait()
            triage.merge(seen, into, by=user)
        except triage.TriageError as error:
            refused.append(str(error))
        finally:
            connection.close()

    threads = [
        threading.Thread(target=merge, args=args)
        for args in ((one, other, coordinator), (other, one, colleague))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 1
    assert sorted([stored(one).status, stored(other).status]) == ["duplicate", "new"]


# --- Undoing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("was", OPEN)
def test_undoing_a_merge_gives_everything_back(a_request, coordinator, colleague, was):
    twin, first = a_request(status=was, owner=colleague), a_request()
    before = ConsultationRequest.objects.order_by("pk").values()
    row = list(before)
    triage.merge(twin, first, by=coordinator)

    triage.unmerge(stored(twin), by=colleague)

    assert list(before.all()) == row
    line = twin.events.get(kind=Event.Kind.UNMERGED)
    assert (line.by, line.from_status, line.to_status) == (colleague, "duplicate", was)
    assert line.summary == f"No longer merged into {first.reference}"
    assert first.events.filter(kind=Event.Kind.UNMERGED).count() == 1


def test_what_happened_to_a_duplicate_meanwhile_does_not_change_what_it_becomes_again(
    a_request, coordinator
):
    twin, first, second = a_request(status="booked"), a_request(), a_request()
    triage.merge(twin, first, by=coordinator)
    triage.unmerge(stored(twin), by=coordinator)
    triage.move(stored(twin), "in_contact", by=coordinator)
    triage.merge(stored(twin), second, by=coordinator)
    triage.add_note(stored(twin), "She called again.", by=coordinator)

    triage.unmerge(stored(twin), by=coordinator)

    assert stored(twin).status == "in_contact"


def test_a_duplicate_of_which_nothing_says_what_it_was_becomes_new(a_request, coordinator):
    twin = a_request(status="duplicate", duplicate_of=a_request())

    triage.unmerge(twin, by=coordinator)

    assert stored(twin).status == "new"


def test_a_merge_can_be_undone_when_the_original_was_erased(a_request, coordinator):
    twin, first = a_request(status="in_contact"), a_request()
    triage.merge(twin, first, by=coordinator)
    ConsultationRequest.objects.get(pk=first.pk).delete()

    triage.unmerge(stored(twin), by=coordinator)

    assert stored(twin).status == "in_contact"
    assert twin.events.get(kind=Event.Kind.UNMERGED).summary == "No longer merged"


def test_what_a_colleague_has_separated_and_moved_on_is_not_moved_back(
    a_request, coordinator, colleague
):
    twin, first = a_request(), a_request()
    triage.merge(twin, first, by=coordinator)
    stored(first).delete()
    on_the_screen = stored(twin)
    triage.unmerge(stored(twin), by=colleague)
    triage.move(stored(twin), "in_contact", by=colleague)

    with pytest.raises(triage.TriageError, match="Colin Coordinator changed"):
        triage.unmerge(on_the_screen, by=coordinator)

    assert stored(twin).status == "in_contact"


def test_what_cannot_be_written_on_both_timelines_is_not_undone(
    a_request, coordinator, monkeypatch
):
    twin = a_request()
    triage.merge(twin, a_request(), by=coordinator)
    before = everything()

    def fails(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr(Event, "save", fails)
    with pytest.raises(RuntimeError):
        triage.unmerge(stored(twin), by=coordinator)

    assert everything() == before


def test_what_a_colleague_has_merged_elsewhere_meanwhile_is_not_separated(
    a_request, coordinator, colleague
):
    twin, first, second = a_request(), a_request(), a_request()
    triage.merge(twin, first, by=coordinator)
    on_the_screen = stored(twin)
    triage.unmerge(stored(twin), by=colleague)
    triage.merge(stored(twin), second, by=colleague)
    before = everything()

    with pytest.raises(triage.TriageError, match=f"merged into {second.reference}"):
        triage.unmerge(on_the_screen, by=coordinator)

    assert everything() == before


@pytest.mark.django_db(transaction=True)
def test_undoing_a_merge_whose_original_was_erased_meanwhile_says_so_and_works_again(
    a_request, coordinator
):
    twin, first = a_request(status="in_contact"), a_request()
    triage.merge(twin, first, by=coordinator)
    on_the_screen = stored(twin)
    stored(first).delete()

    with pytest.raises(triage.TriageError, match="look again"):
        triage.unmerge(on_the_screen, by=coordinator)

    triage.unmerge(stored(twin), by=coordinator)
    assert stored(twin).status == "in_contact"


@pytest.mark.parametrize("status", [status for status in Status.values if status != "duplicate"])
def test_what_is_not_merged_cannot_be_unmerged(a_request, coordinator, status):
    request = a_request(status=status)

    with pytest.raises(triage.TriageError, match="not merged"):
        triage.unmerge(request, by=coordinator)


def test_a_merged_request_is_left_alone_until_that_is_undone(a_request, coordinator):
    twin = a_request()
    triage.merge(twin, a_request(), by=coordinator)
    twin = stored(twin)

    for act in (
        lambda: triage.move(twin, "new", by=coordinator),
        lambda: triage.move(twin, "closed", by=coordinator, reason=CloseReason.NO_REPLY),
        lambda: triage.record_contact(
            twin, ContactAttempt.Channel.CALL, ContactAttempt.Outcome.REACHED, by=coordinator
        ),
    ):
        with pytest.raises(triage.TriageError):
            act()

    assert stored(twin).status == "duplicate"

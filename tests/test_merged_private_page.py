"""Whatever link a patient holds reaches the people who work on it, merged or not."""

import io
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from post_office.models import Email

from consultations import privacy, triage
from consultations.choices import CloseReason, Status
from consultations.models import ConsultationRequest, Event
from consultations.patient_page import private_link
from consultations.staff_work import staff_acts
from tests.pages import Page
from tests.private_pages import correct, done_by_the_patient, page_of, stored

pytestmark = pytest.mark.django_db
REQUESTS = "/admin/consultations/consultationrequest/"
SAME = {"email": "ada@example.com", "phone": "+15125550142", "full_name": "Ada Patient"}


@pytest.fixture
def pair(a_request, coordinator):
    """(the one that Ada sent again, the one that staff work on)."""
    kept = a_request(**SAME, may_leave_voicemail=True, owner=coordinator)
    twin = a_request(**SAME, may_leave_voicemail=True)
    triage.merge(twin, kept, by=coordinator)
    return stored(twin), stored(kept)


def staff_page(client, row):
    return client.get(f"{REQUESTS}{row.pk}/change/").content.decode()


def inbox(client, view):
    return client.get(f"{REQUESTS}?view={view}").content.decode()


# --- What the page says -----------------------------------------------------------------------


def test_it_says_how_the_request_stands_that_staff_work_on(client, pair, coordinator):
    twin, kept = pair
    page = Page(client.get(page_of(twin)))
    assert "We have joined this with your other request." in page.text
    assert "We will answer by" in page.text
    assert twin.reference in page.text
    for offered in ("Add photographs", "Correct how we reach you", "Withdraw this request"):
        assert offered in page.text

    triage.move(kept, Status.IN_CONTACT, by=coordinator)

    page = Page(client.get(page_of(twin)))
    assert "We have been in contact with you." in page.text
    assert "We will answer by" not in page.text


def test_it_shows_nothing_that_only_the_other_request_says(client, a_request, coordinator):
    kept, twin = a_request(email="kept@example.com"), a_request(email="twin@example.com")
    triage.merge(twin, kept, by=coordinator)

    source = Page(client.get(page_of(stored(twin)))).source

    for hidden in (kept.email, kept.reference, kept.phone.as_e164, kept.phone.as_national):
        assert hidden not in source


def test_of_an_original_that_was_erased_nothing_can_be_done_but_deletion(client, pair):
    twin, kept = pair
    kept.delete()

    page = Page(client.get(page_of(twin)))

    assert "answer you there" in page.text
    assert "Withdraw this request" not in page.text
    assert "Have it deleted" in page.text


# --- Corrections ------------------------------------------------------------------------------


@pytest.mark.parametrize("on_page_of", [0, 1], ids=["the duplicate", "the original"])
def test_a_correction_holds_for_the_whole_matter(client, pair, on_page_of):
    response = correct(client, pair[on_page_of], phone="(512) 555-0199")

    assert response.status_code == 302
    assert [stored(row).phone.as_e164 for row in pair] == ["+15125550199"] * 2


def test_staff_see_on_the_original_who_changed_what_and_what_it_was(
    client, pair, signed_in, coordinator
):
    twin, kept = pair
    staff = signed_in(coordinator)
    staff_page(staff, kept)
    correct(client, twin, phone="(512) 555-0199")

    assert "New from the patient" in inbox(staff, "mine")
    shown = staff_page(staff, kept)
    assert "tel:+15125550199" in shown
    assert f"Changed phone number on the page of {twin.reference}" in shown
    assert "Before: phone number: +1 512-555-0142" in shown
    assert "New from the patient" not in inbox(staff, "mine")


def test_who_gave_something_else_there_is_not_overwritten_but_shown(
    client, a_request, signed_in, coordinator
):
    kept, twin = a_request(), a_request()
    triage.merge(twin, kept, by=coordinator)
    correct(client, stored(twin), phone="(512) 555-0199", email="new@example.com")

    assert (stored(kept).email, stored(kept).phone) == (kept.email, kept.phone)
    shown = staff_page(signed_in(coordinator), kept)
    also = shown.partition("Also given")[2][:400]
    assert "new@example.com" in also
    assert "512-555-0199" in also
    assert twin.reference in also


def test_the_new_address_gets_the_link_of_the_page_where_it_was_entered(client, pair):
    twin, kept = pair
    Email.objects.all().delete()

    correct(client, twin, email="new@example.com")

    assert stored(kept).email == "new@example.com"
    mail = Email.objects.get()
    assert mail.to == ["new@example.com"]
    assert private_link.placeholder(twin) in mail.message
    assert kept.reference not in mail.message


def test_what_staff_correct_is_not_shown_as_given_elsewhere(client, pair, signed_in, coordinator):
    twin, kept = pair
    seen = {"phone": kept.phone}
    staff_acts.correct(kept, seen, {"phone": "+15125550177"}, by=coordinator)

    assert stored(twin).phone.as_e164 == "+15125550177"
    assert "Also given" not in staff_page(signed_in(coordinator), kept)


def test_after_undoing_the_merge_each_has_the_corrected_number_and_its_own_line(
    client, pair, coordinator
):
    twin, _ = pair
    correct(client, twin, phone="(512) 555-0199")
    triage.unmerge(stored(twin), by=coordinator)

    for row in pair:
        assert stored(row).phone.as_e164 == "+15125550199"
        assert row.events.filter(kind=Event.Kind.CORRECTED).count() == 1


# --- What is allowed --------------------------------------------------------------------------


def consents(client, row, *ticked):
    sent = {
        "initial-consents-may_leave_voicemail": str(row.may_leave_voicemail),
        "initial-consents-may_text": str(row.may_text),
    }
    return client.post(
        f"{page_of(row)}consents/", sent | {f"consents-{name}": "on" for name in ticked}
    )


def allowed(row):
    row = stored(row)
    return row.may_leave_voicemail, row.may_text


@pytest.mark.parametrize("on_page_of", [0, 1], ids=["the duplicate", "the original"])
def test_what_is_taken_back_on_one_page_is_taken_back_everywhere(client, pair, on_page_of):
    consents(client, pair[on_page_of])

    assert [allowed(row) for row in pair] == [(False, False)] * 2
    for row in pair:
        assert [each.is_given for each in row.consents.all()] == [False]


def test_what_is_allowed_for_a_number_is_allowed_where_the_number_is_the_same(client, pair):
    consents(client, pair[0], "may_leave_voicemail", "may_text")

    assert [allowed(row) for row in pair] == [(True, True)] * 2


def test_what_is_allowed_for_one_number_is_not_allowed_for_another(client, pair):
    twin, kept = pair
    ConsultationRequest.objects.filter(pk=kept.pk).update(phone="+15125550111")

    consents(client, twin, "may_leave_voicemail", "may_text")
    assert (allowed(twin), allowed(kept)) == ((True, True), (True, False))
    consents(client, stored(twin))
    assert (allowed(twin), allowed(kept)) == ((False, False), (False, False))


# --- Photographs ------------------------------------------------------------------------------


def test_photographs_are_announced_on_the_request_that_staff_work_on(
    client, pair, signed_in, coordinator
):
    twin, kept = pair
    file = io.BytesIO()
    Image.new("RGB", (40, 30)).save(file, "JPEG")
    sent = {"photos-view_0": SimpleUploadedFile("a.jpg", file.getvalue())}
    assert client.post(f"{page_of(twin)}photos/", sent).status_code == 302

    staff = signed_in(coordinator)
    listed = inbox(staff, "from-patients")
    assert kept.reference in listed
    assert twin.reference not in listed  # Once is enough.
    shown = staff_page(staff, kept)
    assert f"from {twin.reference}" in shown
    assert kept.reference not in inbox(staff, "from-patients")
    assert [twin.photos.count(), kept.photos.count()] == [1, 0]


def test_what_waits_to_be_seen_goes_on_waiting_when_it_is_merged(
    client, a_request, signed_in, coordinator
):
    kept, twin = a_request(**SAME, owner=coordinator), a_request(**SAME)
    correct(client, twin, email="new@example.com")
    triage.merge(stored(twin), kept, by=coordinator)

    assert "New from the patient" in inbox(signed_in(coordinator), "mine")


# --- Withdrawing ------------------------------------------------------------------------------


def test_who_withdraws_on_either_page_is_not_called(client, pair, signed_in, coordinator):
    twin, kept = pair

    page = Page(client.post(f"{page_of(twin)}withdraw/", follow=True))

    assert "Your request is withdrawn." in page.text
    assert "This request is closed, as you wished." in page.text
    assert "Withdraw this request" not in page.text
    row = stored(kept)
    assert (row.status, row.close_reason) == ("closed", "withdrawn")
    assert ("moved", "Patient", "Withdrawn by the patient") in done_by_the_patient(kept)
    assert "Do not contact: withdrawn by the patient" in staff_page(signed_in(coordinator), kept)


def test_who_has_withdrawn_is_not_called_after_the_merge_is_undone_either(
    client, pair, coordinator
):
    twin, kept = pair
    client.post(f"{page_of(twin)}withdraw/")

    triage.unmerge(stored(twin), by=coordinator)

    row = stored(twin)
    assert (row.status, row.close_reason, row.duplicate_of) == ("closed", "withdrawn", None)
    assert row.closed_at - stored(kept).closed_at < timedelta(seconds=5)
    assert twin.events.last().to_status == "closed"


def test_who_withdrew_the_other_one_alone_has_this_one_back(client, pair, coordinator):
    twin, kept = pair
    client.post(f"{page_of(kept)}withdraw/")
    assert "closed, as you wished" in Page(client.get(page_of(twin))).text

    triage.unmerge(stored(twin), by=coordinator)

    assert stored(twin).status == "new"


def test_a_withdrawal_before_an_earlier_merge_does_not_close_it_again(client, pair, coordinator):
    twin, kept = pair
    client.post(f"{page_of(twin)}withdraw/")
    triage.unmerge(stored(twin), by=coordinator)
    triage.move(stored(twin), Status.ATTEMPTING, by=coordinator)
    triage.move(stored(kept), Status.ATTEMPTING, by=coordinator)
    triage.merge(stored(twin), stored(kept), by=coordinator)

    triage.unmerge(stored(twin), by=coordinator)

    assert stored(twin).status == "attempting"


def test_what_staff_have_closed_is_said_to_be_closed(client, pair, coordinator):
    twin, kept = pair
    triage.move(kept, Status.CLOSED, by=coordinator, reason=CloseReason.NO_REPLY)

    page = Page(client.post(f"{page_of(twin)}withdraw/", follow=True))

    assert "This request is closed already." in page.text
    assert stored(kept).close_reason == "no_reply"


# --- Deletion ---------------------------------------------------------------------------------


def test_who_asks_for_deletion_on_the_duplicate_s_page_is_not_called(
    client, pair, signed_in, coordinator
):
    twin, kept = pair
    Email.objects.all().delete()

    client.post(f"{page_of(twin)}delete/")

    shown = staff_page(signed_in(coordinator), kept)
    assert "The patient asked for deletion" in shown
    assert "Do not contact: the patient asked for deletion" in shown
    assert f"{REQUESTS}{kept.pk}/change/" in Email.objects.get().message
    for row in pair:
        words = Page(client.get(page_of(row))).text
        assert "You asked us to delete this request." in words
        assert "Have it deleted" not in words
        assert "Correct how we reach you" not in words


def test_undoing_the_merge_leaves_the_wish_with_the_one_it_was_made_for(client, pair, coordinator):
    twin, kept = pair
    client.post(f"{page_of(twin)}delete/")
    triage.unmerge(stored(twin), by=coordinator)

    assert stored(twin).deletion_asked_at
    assert stored(kept).deletion_asked_at is None


def test_a_duplicate_is_not_erased_alone_while_the_patient_is_told_that_all_is_gone(
    client, pair, signed_in, manager
):
    twin, kept = pair
    client.post(f"{page_of(twin)}delete/")
    staff = signed_in(manager)

    answer = staff.get(f"{REQUESTS}{twin.pk}/erase/", follow=True)

    assert answer.redirect_chain[-1][0] == f"{REQUESTS}{kept.pk}/erase/"
    assert "are erased together" in answer.content.decode()
    assert answer.context["form"].initial["reason"] == "The patient asked for it"
    sent = {"reason": "The patient asked for it", "reference": kept.reference}
    staff.post(f"{REQUESTS}{kept.pk}/erase/", sent)
    assert not ConsultationRequest.objects.exists()


def test_a_duplicate_by_itself_can_still_be_erased_once_its_original_is_gone(pair, manager):
    twin, kept = pair
    privacy.erase(kept, reason="Entered by mistake", by=manager)

    privacy.erase_person(stored(twin), reason="The patient asked for it", by=manager)

    assert not ConsultationRequest.objects.exists()

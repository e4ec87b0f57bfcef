"""A moment that has gone by is promised to nobody: the page says sorry, mails say nothing of it."""

from datetime import timedelta

import pytest
from django.utils import timezone
from post_office.models import Email

from consultations import triage
from consultations.choices import Status
from consultations.models import ConsultationRequest
from consultations.staff_work import replies
from consultations.views import RECEIPT
from tests.pages import Page
from tests.private_pages import correct, page_of

pytestmark = pytest.mark.django_db
GONE_BY = timezone.now() - timedelta(days=3)
AHEAD = timezone.now() + timedelta(days=3)


@pytest.mark.parametrize("status", ["new", "attempting", "quarantined", "spam"])
def test_a_patient_who_waits_in_vain_reads_that_we_are_late_and_what_to_do(
    client, a_request, status
):
    words = Page(client.get(page_of(a_request(status=status, respond_by=GONE_BY)))).text

    assert "We will answer by" not in words
    assert "We are late" in words
    assert "call us" in words


def test_who_is_still_in_time_reads_the_promise(client, a_request):
    words = Page(client.get(page_of(a_request(respond_by=AHEAD)))).text

    assert "We will answer by" in words
    assert "We are late" not in words


def test_who_was_answered_late_is_not_told_so_for_ever(client, a_request, coordinator):
    row = a_request(respond_by=GONE_BY)
    triage.move(row, Status.IN_CONTACT, by=coordinator)

    assert "We are late" not in Page(client.get(page_of(row))).text


@pytest.mark.parametrize(("respond_by", "is_said"), [(GONE_BY, False), (AHEAD, True)])
def test_who_is_let_out_of_quarantine_is_confirmed_without_a_time_gone_by(
    a_request, coordinator, respond_by, is_said
):
    row = a_request(status="quarantined", respond_by=respond_by)
    triage.move(row, Status.NEW, by=coordinator)

    mail = Email.objects.get(to=row.email)
    assert ("We will answer by" in mail.message) is is_said
    assert ("We will answer by" in mail.html_message) is is_said
    assert ("We will answer as soon as we can" in mail.message) is not is_said


@pytest.mark.parametrize(("respond_by", "is_said"), [(GONE_BY, False), (AHEAD, True)])
def test_a_corrected_address_is_told_no_time_gone_by(client, a_request, respond_by, is_said):
    row = a_request(respond_by=respond_by)
    correct(client, row, email="new@example.com")

    assert ("We will answer by" in Email.objects.get().message) is is_said


def test_a_letter_promises_no_time_gone_by(a_request, practice):
    late, early = a_request(respond_by=GONE_BY), a_request(respond_by=AHEAD)

    assert replies.fill("By {reply_by}.", late) == "By as soon as we can."
    assert "as soon as we can" not in replies.fill("By {reply_by}.", early)


def test_the_confirmation_that_is_opened_again_later_promises_none_either(client, a_request):
    row = a_request(respond_by=AHEAD)
    address = f"/consultation/received/{RECEIPT.sign(row.reference)}/"
    assert "We will answer by" in Page(client.get(address)).text
    ConsultationRequest.objects.update(respond_by=GONE_BY)

    words = Page(client.get(address)).text

    assert "We will answer by" not in words
    assert "We will answer as soon as we can" in words

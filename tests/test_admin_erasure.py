"""Erasing a person's data, holding it back, and the patient's private link."""

from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.utils import timezone
from post_office.models import STATUS, Email

from consultations import privacy, triage
from consultations.models import ConsultationRequest, ErasureReceipt, Event
from consultations.notifications import ERASURE_HEADER
from consultations.patient_page import private_link

REQUESTS = "/admin/consultations/consultationrequest/"
INBOX = REQUESTS


@pytest.fixture
def client(signed_in, manager):
    return signed_in(manager)


@pytest.fixture
def row(a_request):
    return a_request(deletion_asked_at=timezone.now())


def text(response):
    return response.content.decode()


def erase(client, row, **changes):
    sent = {"reason": "The patient asked for it", "reference": row.reference}
    return client.post(f"{REQUESTS}{row.pk}/erase/", sent | changes)


# --- Erasing -------------------------------------------------------------------------------


def test_the_wish_is_seen_by_all_and_met_by_managers(signed_in, client, coordinator, row):
    assert "Erase now" in text(client.get(f"{REQUESTS}{row.pk}/change/"))
    shown = text(signed_in(coordinator).get(f"{REQUESTS}{row.pk}/change/"))
    assert "The patient asked for deletion" in shown
    assert "/erase/" not in shown
    assert signed_in(coordinator).get(f"{REQUESTS}{row.pk}/erase/").status_code == 403
    assert erase(signed_in(coordinator), row).status_code == 403
    assert ConsultationRequest.objects.filter(pk=row.pk).exists()


def test_after_typing_the_reference_all_is_gone_and_the_patient_told(client, row, manager):
    assert "cannot be undone" in text(client.get(f"{REQUESTS}{row.pk}/erase/"))
    assert erase(client, row, reference=row.reference.lower())["Location"] == INBOX
    assert not ConsultationRequest.objects.filter(pk=row.pk).exists()
    assert not LogEntry.objects.filter(object_repr=row.reference).exists()
    receipt = ErasureReceipt.objects.get()
    assert receipt.by_name == str(manager)
    mail = Email.objects.get()
    assert mail.to == [row.email]
    assert "is deleted" in mail.message


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"reference": "ZZZZZ-ZZZZZ"}, "not the reference of this request"),
        ({"reference": ""}, "Type the reference"),
        ({"reason": ""}, "Choose why"),
    ],
)
def test_without_confirmation_nothing_is_erased(client, row, changes, why):
    response = erase(client, row, **changes)
    assert response.status_code == 400
    assert why in text(response)
    assert ConsultationRequest.objects.filter(pk=row.pk).exists()


def test_what_was_merged_into_it_goes_too(client, row, a_request, manager):
    other = a_request(email=row.email)
    triage.merge(other, row, by=manager)
    assert other.reference in text(client.get(f"{REQUESTS}{row.pk}/erase/"))
    erase(client, row)
    assert not ConsultationRequest.objects.exists()
    assert ErasureReceipt.objects.count() == 2


def test_a_hold_that_was_put_on_meanwhile_keeps_everything(row, a_request, manager):
    other = a_request(email=row.email)
    triage.merge(other, row, by=manager)
    ConsultationRequest.objects.filter(pk=row.pk).update(legal_hold=True)
    with pytest.raises(ValueError, match="legal hold"):
        privacy.erase_person(row, reason="Asked", by=manager)
    assert ConsultationRequest.objects.count() == 2
    assert not Email.objects.exists()


def test_the_confirmation_is_forgotten_once_it_was_sent(client, row):
    erase(client, row)
    privacy.apply_retention()
    assert Email.objects.filter(headers__has_key=ERASURE_HEADER).exists()
    Email.objects.update(status=STATUS.sent)
    privacy.apply_retention()
    assert not Email.objects.exists()


def test_a_duplicate_is_kept_as_long_as_its_original_is_needed(a_request, manager):
    long_ago = timezone.now() - timedelta(days=5 * 365)
    row, original = a_request(received_at=long_ago), a_request()
    triage.merge(row, original, by=manager)
    assert not privacy.due_for_erasure().exists()
    ConsultationRequest.objects.filter(pk=original.pk).update(
        status="closed", close_reason="declined", closed_at=long_ago, legal_hold=True
    )
    assert not privacy.due_for_erasure().exists()
    ConsultationRequest.objects.filter(pk=original.pk).update(legal_hold=False)
    assert set(privacy.due_for_erasure()) == {row, original}


# --- Legal hold ----------------------------------------------------------------------------


def test_a_hold_has_a_reason_and_keeps_the_request(client, row):
    hold = f"{REQUESTS}{row.pk}/hold/"
    assert client.post(hold, {"is_held": "yes", "reason": " "}).status_code == 400
    client.post(hold, {"is_held": "yes", "reason": "A letter from a court."})
    row.refresh_from_db()
    assert row.legal_hold
    event = Event.objects.get(request=row, kind="hold")
    assert event.note == "A letter from a court."
    assert "court" not in event.summary
    assert "legal hold" in text(erase(client, row)).lower()
    assert ConsultationRequest.objects.filter(pk=row.pk).exists()
    client.post(hold, {"is_held": "no", "reason": "The case is closed."})
    row.refresh_from_db()
    assert not row.legal_hold


def test_coordinators_put_on_no_hold(signed_in, coordinator, row):
    client = signed_in(coordinator)
    sent = {"is_held": "yes", "reason": "Because."}
    assert client.post(f"{REQUESTS}{row.pk}/hold/", sent).status_code == 403


# --- The private link ----------------------------------------------------------------------


def test_a_revoked_link_opens_nothing(client, row):
    path = private_link.path(row)
    assert client.get(path).status_code == 200
    client.post(f"{REQUESTS}{row.pk}/revoke-link/")
    assert client.get(path).status_code == 404
    assert "Revoked" in text(client.get(f"{REQUESTS}{row.pk}/change/"))
    assert Event.objects.filter(request=row, summary="Private link revoked").exists()
    assert client.post(f"{REQUESTS}{row.pk}/revoke-link/").status_code == 409


def test_a_new_link_ends_the_old_one_and_goes_to_the_patient(client, row):
    old = private_link.path(row)
    client.post(f"{REQUESTS}{row.pk}/new-link/")
    row.refresh_from_db()
    new = private_link.path(row)
    assert new != old
    assert client.get(old).status_code == 404
    assert client.get(new).status_code == 200
    event = Event.objects.get(request=row, kind="link")
    mail = Email.objects.get(pk=event.details["emails"][0])
    assert mail.to == [row.email]
    assert new not in mail.message
    assert new in private_link.fill_in(mail.message, mail.to)
    shown = text(client.get(f"{REQUESTS}{row.pk}/change/"))
    assert new not in shown


def test_suspected_spam_gets_no_link(client, a_request):
    row = a_request(status="quarantined")
    assert client.post(f"{REQUESTS}{row.pk}/new-link/").status_code == 409
    assert not Email.objects.exists()

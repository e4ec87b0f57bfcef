"""How long requests are kept, and that erasing one leaves nothing but a receipt."""

from datetime import timedelta
from io import StringIO

import pytest
from auditlog.models import LogEntry
from dateutil.relativedelta import relativedelta
from django.core.files.storage import storages
from django.core.management import call_command
from django.utils import timezone
from PIL import Image
from post_office.models import Email

from consultations import notifications, photos, privacy, triage
from consultations.choices import CloseReason, Status
from consultations.models import Consent, ConsultationRequest, ErasureReceipt, Event, Photo

pytestmark = pytest.mark.django_db
NOW = timezone.now()
MONTHS = relativedelta(months=24)
CLOSED = {"status": Status.CLOSED, "close_reason": CloseReason.NO_REPLY}
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("fields", "is_due"),
    [
        (CLOSED | {"closed_at": NOW - MONTHS - MINUTE}, True),
        (CLOSED | {"closed_at": NOW - MONTHS + MINUTE}, False),
        (CLOSED | {"closed_at": NOW - MONTHS - MINUTE, "legal_hold": True}, False),
        ({"status": Status.SPAM, "received_at": NOW - timedelta(days=90) - MINUTE}, True),
        ({"status": Status.SPAM, "received_at": NOW - timedelta(days=90) + MINUTE}, False),
        ({"status": Status.QUARANTINED, "received_at": NOW - timedelta(days=91)}, True),
        ({"status": Status.DUPLICATE, "received_at": NOW - MONTHS - MINUTE}, True),
        ({"status": Status.DUPLICATE, "received_at": NOW - MONTHS + MINUTE}, False),
        ({"status": Status.NEW, "received_at": NOW - relativedelta(years=9)}, False),
        ({"status": Status.BOOKED, "received_at": NOW - relativedelta(years=9)}, False),
    ],
)
def test_a_request_is_due_when_its_time_is_over(practice, a_request, fields, is_due):
    practice.retention_months = 24
    practice.save()
    row = a_request(**fields)

    assert privacy.due_for_erasure(NOW).filter(pk=row.pk).exists() is is_due


def test_erasing_leaves_a_receipt_and_nothing_else(
    practice, a_request, coordinator, django_capture_on_commit_callbacks
):
    row = a_request(message="What must be gone.")
    other = a_request(resembles=row)
    notifications.tell_received(row, practice)
    triage.add_note(row, "A note that must be gone.", by=coordinator)
    photos.add(row, [("Front", Image.new("RGB", (40, 30)))], by="Patient")
    file = Photo.objects.get().stored_as
    reference, mails = row.reference, Email.objects.count()

    with django_capture_on_commit_callbacks(execute=True):
        counts = privacy.erase(row, reason="Asked for", by=coordinator)

    assert not ConsultationRequest.objects.filter(pk=row.pk).exists()
    assert not Event.objects.filter(request_id=row.pk).exists()
    assert not Consent.objects.filter(request_id=row.pk).exists()
    assert not Photo.objects.exists()
    assert not storages["private"].exists(file)
    assert Email.objects.count() == mails - 2
    assert not LogEntry.objects.filter(object_repr=reference).exists()
    receipt = ErasureReceipt.objects.get()
    assert receipt.counts == dict(counts)
    assert receipt.counts["ConsultationRequest"] == 1
    assert receipt.counts["Photo"] == 1
    assert reference not in str(vars(receipt))
    other.refresh_from_db()
    assert other.resembles is None


def test_a_request_under_legal_hold_is_not_erased(practice, a_request):
    row = a_request(legal_hold=True)

    with pytest.raises(ValueError, match="legal hold"):
        privacy.erase(row, reason="Asked for", by="System")

    assert ConsultationRequest.objects.filter(pk=row.pk).exists()


def test_when_erasing_fails_half_way_everything_is_still_there(practice, a_request, monkeypatch):
    row = a_request()
    photos.add(row, [("Front", Image.new("RGB", (40, 30)))], by="Patient")

    def fails(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr(ErasureReceipt.objects, "create", fails)
    with pytest.raises(RuntimeError):
        privacy.erase(row, reason="Asked for", by="System")

    assert ConsultationRequest.objects.filter(pk=row.pk).exists()
    assert photos.read(Photo.objects.get())


def test_the_command_says_what_it_would_erase_before_it_does(practice, a_request):
    a_request(**CLOSED, closed_at=NOW - relativedelta(years=3))
    kept = a_request()
    said = StringIO()

    call_command("apply_retention", "--dry-run", stdout=said)
    assert "1 closed" in said.getvalue()
    assert ConsultationRequest.objects.count() == 2

    call_command("apply_retention", stdout=said)
    assert "1 requests were erased" in said.getvalue()
    assert list(ConsultationRequest.objects.all()) == [kept]

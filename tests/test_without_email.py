"""Somebody without an email address: nothing breaks, and nobody else is taken for them."""

import json
import uuid
import zipfile
from io import BytesIO
from urllib.parse import urlencode

import pytest
from post_office.models import Email

from consultations import intake, privacy
from consultations.choices import Origin
from consultations.consents import HEALTH_DATA_SPOKEN
from consultations.data_rights import export, person_data
from consultations.intake import Arrival
from consultations.models import ConsultationRequest, Event
from consultations.patient_page import private_link
from consultations.staff_work import replies, staff_acts
from consultations.triage import TriageError
from tests.test_intake import cleaned

pytestmark = pytest.mark.django_db

REQUESTS = "/admin/consultations/consultationrequest/"


@pytest.fixture
def entered(practice, coordinator):
    """`entered(phone="…")` stores somebody who called and has no address."""
    from django.utils import timezone

    def entered(**changes):
        answers = cleaned(email="", phone="+15125550142") | changes
        arrival = Arrival(Origin.PHONE, timezone.now(), is_confirmed=True)
        consents = [(HEALTH_DATA_SPOKEN, True)]
        return intake.enter(
            answers, arrival, by=coordinator, token=uuid.uuid4(), consents=consents
        )[0]

    return entered


@pytest.fixture
def client(signed_in, manager):
    return signed_in(manager)


def page(client, row):
    response = client.get(f"{REQUESTS}{row.pk}/change/")
    assert response.status_code == 200
    return response.content.decode()


def correct(client, row, **changes):
    names = ("phone", "email", "preferred_name", "interpreter_language")
    shown = {f"initial-{name}": str(getattr(row, name)) for name in names}
    typed = {name: str(getattr(row, name)) for name in names} | changes
    return client.post(f"{REQUESTS}{row.pk}/correct/", shown | typed)


# --- Nobody is taken for somebody else ------------------------------------------------------


@pytest.fixture
def two(entered):
    """Two callers who have nothing in common but that neither has an address."""
    return entered(), entered(full_name="Bo Other", phone="+15125550143")


def test_two_without_an_address_do_not_look_alike(two):
    assert two[1].resembles is None


def test_the_same_number_still_looks_alike(two, entered):
    assert entered(full_name="Ada Again", phone="+15125550142").resembles == two[0]


def test_two_without_an_address_are_not_shown_as_the_same_person(client, two):
    assert two[1].reference not in page(client, two[0])


def test_two_without_an_address_are_not_offered_in_one_copy(two):
    others = person_data.of_the_same_person(two[0], ConsultationRequest.objects.all())
    assert not others.exists()


def test_merging_two_without_an_address_warns_that_they_differ(client, two):
    response = client.get(f"{REQUESTS}{two[0].pk}/merge/", {"into": two[1].pk})
    assert "Different email and phone" in response.content.decode()


def test_who_has_neither_number_nor_address_is_like_nobody(client, a_request):
    rows = [a_request(email="", phone="") for _ in range(2)]
    assert rows[1].reference not in page(client, rows[0])
    assert not person_data.of_the_same_person(rows[0], ConsultationRequest.objects.all())


def test_a_search_for_an_at_sign_or_nothing_finds_nobody_by_their_empty_address(client, two):
    for query in ("@", "@@"):
        shown = client.get(f"{REQUESTS}?{urlencode({'q': query})}").content.decode()
        assert two[0].reference not in shown


# --- Nothing breaks -------------------------------------------------------------------------


def test_the_page_offers_no_way_by_mail(client, entered):
    shown = page(client, entered())
    assert "mailto:" not in shown
    assert "No email address was given." in shown
    assert "Write an email" not in shown
    assert "Make a new link" not in shown
    assert "None yet" in shown


def test_a_contact_by_mail_cannot_be_logged(client, entered):
    row = entered()
    sent = {"channel": "email", "outcome": "message_left", "note": "", "seen_status": "new"}
    response = client.post(f"{REQUESTS}{row.pk}/contact/", sent)
    assert response.status_code == 400
    assert "No email address was given." in response.content.decode()
    assert (
        client.post(f"{REQUESTS}{row.pk}/contact/", sent | {"channel": "call"}).status_code == 302
    )


def test_a_letter_has_nowhere_to_go_and_says_so(client, entered, manager):
    row = entered()
    for method in (client.get, client.post):
        response = method(f"{REQUESTS}{row.pk}/letter/", follow=True)
        assert replies.NO_ADDRESS in response.content.decode()
    with pytest.raises(TriageError, match="No email address"):
        replies.send(row, "Hello", "We called.", by=manager)
    assert not Email.objects.exists()
    assert not Event.objects.filter(request=row, kind="contacted").exists()


def test_a_link_cannot_be_mailed_and_the_page_says_what_to_do(client, entered, manager):
    row = entered()
    with pytest.raises(TriageError, match="Add the address"):
        staff_acts.renew_link(row, by=manager)
    assert client.post(f"{REQUESTS}{row.pk}/new-link/").status_code == 409
    row.refresh_from_db()
    assert (row.link_digest, row.link_number) == ("", 1)


def test_an_address_that_is_added_gets_the_first_link(client, entered):
    row = entered()
    assert correct(client, row, email="ada@example.com").status_code == 302

    row.refresh_from_db()
    mail = Email.objects.get()
    assert mail.to == ["ada@example.com"]
    address = private_link.fill_in(mail.message, mail.to)
    assert private_link.path(row) in address
    assert client.get(private_link.path(row)).status_code == 200


def test_a_number_is_corrected_without_inventing_an_address(client, entered):
    row = entered()
    assert correct(client, row, phone="(512) 555-0177").status_code == 302
    row.refresh_from_db()
    assert (row.phone.as_e164, row.email) == ("+15125550177", "")
    assert not Email.objects.exists()


def test_the_only_number_is_not_taken_out(client, entered):
    row = entered()
    response = correct(client, row, phone="")
    assert response.status_code == 400
    assert "Keep a number or an address" in response.content.decode()


def test_an_address_that_a_patient_gave_is_not_taken_out(client, a_request):
    row = a_request()
    assert correct(client, row, email="").status_code == 400


def test_erasing_mails_nobody_and_says_to_call(client, entered):
    row = entered()
    assert "tell the patient by phone" in client.get(f"{REQUESTS}{row.pk}/erase/").content.decode()
    sent = {"reason": "The patient asked for it", "reference": row.reference}
    response = client.post(f"{REQUESTS}{row.pk}/erase/", sent, follow=True)
    assert "Tell the patient by phone." in response.content.decode()
    assert not ConsultationRequest.objects.exists()
    assert not Email.objects.exists()


def test_erasing_takes_everything_that_entering_left(entered, coordinator):
    from auditlog.models import LogEntry

    row = entered()
    privacy.erase_person(row, reason="Test", by=coordinator)
    assert not LogEntry.objects.filter(object_repr=row.reference).exists()


def test_retention_erases_it_when_its_time_is_over(entered, coordinator):
    from dateutil.relativedelta import relativedelta
    from django.utils import timezone

    from consultations import triage

    row = entered()
    triage.move(row, "closed", by=coordinator, reason="no_reply")
    long_ago = timezone.now() - relativedelta(years=50)
    ConsultationRequest.objects.update(closed_at=long_ago, received_at=long_ago)
    privacy.apply_retention()
    assert not ConsultationRequest.objects.exists()
    assert not Email.objects.exists()


def test_the_copy_for_the_person_says_how_it_came_and_who_heard_the_consent(entered, coordinator):
    row = entered()
    ConsultationRequest.objects.filter(pk=row.pk).update(referred_by="Dr. Ray Away")
    rows = ConsultationRequest.objects.all()
    archive = zipfile.ZipFile(BytesIO(b"".join(person_data.pieces(rows, with_notes=False))))
    (told,) = json.loads(archive.read("your-data.json"))
    assert told["noted"]["Came from"] == "Phone call"
    assert told["noted"]["Referred by"] == "Dr. Ray Away"
    assert "Email" not in told["told"]
    assert told["told"]["What was said, as staff wrote it down"] == row.message
    assert told["agreed"][0]["recorded_by"] == str(coordinator)
    assert f"recorded by {coordinator}" in archive.read("your-data.html").decode()


def test_an_export_has_an_empty_cell_and_says_how_it_came(entered, manager):
    entered()
    rows = ConsultationRequest.objects.all()
    keys = export.record(rows, by=manager, reason="Test", kind="csv", with_health=False)
    head, line = "".join(export.csv_lines(keys, with_health=False)).split("\r\n")[:2]
    cells = dict(zip(head.split(","), line.split(","), strict=True))
    assert (cells["Email"], cells["Came from"], cells["Referred by"]) == ("", "Phone call", "")


def test_a_website_request_of_the_same_number_is_linked_to_the_call(entered):
    from tests.test_intake import send

    call = entered()
    request, _ = send(email="new@example.com")
    assert request.resembles == call


def test_an_unreachable_row_does_not_stop_the_others(client, entered, a_request):
    """The inbox shows both kinds side by side."""
    row, other = entered(), a_request()
    shown = client.get(f"{REQUESTS}?view=all").content.decode()
    assert row.reference in shown
    assert other.reference in shown
    assert shown.count("Phone call") == 1

"""The patient's own page: what it shows, what it never shows, and what can be done there."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from post_office.models import Email

from consultations import private_link
from consultations.models import ConsultationRequest, Event, Status
from tests.pages import Page

pytestmark = pytest.mark.django_db


@pytest.fixture
def mine(a_request):
    return a_request(full_name="Ada Patient", email="ada@example.com", message="A secret worry.")


def page_of(request):
    return private_link.path(request)


def stored(request):
    return ConsultationRequest.objects.get(pk=request.pk)


def done_by_the_patient(request):
    return [
        (event.kind, event.by_name, event.summary)
        for event in request.events.exclude(kind="received")
    ]


# --- Looking ----------------------------------------------------------------------------------


def test_it_shows_how_the_request_stands_and_none_of_what_was_written(client, mine):
    response = client.get(page_of(mine))

    page = Page(response)
    assert response.status_code == 200
    assert mine.reference in page.text
    assert "A person on our staff will answer it" in page.text
    assert "secret" not in page.source
    assert page.fields["contact-email"] == "ada@example.com"


def test_it_never_shows_what_staff_have_noted(client, mine, coordinator):
    Event.objects.create(
        request=mine, kind="noted", by=coordinator, note="A staff note.", summary="A summary."
    )

    source = Page(client.get(page_of(mine))).source

    for hidden in ("A staff note", "A summary", "Carla"):
        assert hidden not in source


@pytest.mark.parametrize("status", Status.values)
def test_every_state_has_words_and_none_of_them_is_spam(client, a_request, status):
    request = a_request(status=status)

    page = Page(client.get(page_of(request)))

    assert page.status == 200
    assert "spam" not in page.source.lower()
    assert "suspect" not in page.source.lower()


def test_who_is_suspected_sees_the_same_as_everybody(client, a_request):
    def shown(status):
        request = a_request(
            status=status, email="ada@example.com", phone="", received_at=timezone.now()
        )
        return Page(client.get(page_of(request))).text.replace(request.reference, "")

    assert "We will answer by" in shown("new")
    assert shown("new") == shown("quarantined")


def test_it_does_not_even_decrypt_what_was_written(client, mine, monkeypatch):
    def refuse(token):
        raise AssertionError("Nothing here needs to be decrypted.")

    monkeypatch.setattr("practice.encryption.decrypt", refuse)

    assert client.get(page_of(mine)).status_code == 200


def test_it_is_kept_from_caches_search_engines_and_other_sites(client, mine):
    for address in (page_of(mine), page_of(mine)[:-2] + "/"):
        response = client.get(address)
        assert "no-store" in response["Cache-Control"]
        assert "noindex" in response["X-Robots-Tag"]
        assert response["Referrer-Policy"] == "same-origin"


def expired(request):
    ConsultationRequest.objects.filter(pk=request.pk).update(link_expires_at=timezone.now())
    return page_of(request)


def revoked(request):
    address = page_of(request)
    ConsultationRequest.objects.filter(pk=request.pk).update(link_revoked_at=timezone.now())
    return address


def unknown(request):
    return page_of(request).replace("/request/", "/request/x")


def erased(request):
    address = page_of(request)
    ConsultationRequest.objects.filter(pk=request.pk).delete()
    return address


@pytest.mark.parametrize("broken", [expired, revoked, unknown, erased])
@pytest.mark.parametrize("act", ["", "contact/", "photos/", "withdraw/", "delete/"], ids=str)
def test_a_link_that_no_longer_opens_says_so_in_every_way_alike(client, mine, broken, act):
    address = broken(mine) + act

    response = client.post(address) if act else client.get(address)

    page = Page(response)
    assert response.status_code == 404
    assert "555-0100" in page.text
    assert mine.reference not in page.source
    assert mine.email not in page.source


@pytest.mark.parametrize("act", ["contact/", "photos/", "withdraw/", "delete/"])
def test_looking_changes_nothing(client, mine, act):
    assert client.get(page_of(mine) + act).status_code == 405
    assert done_by_the_patient(mine) == []


@pytest.mark.parametrize("act", ["contact/", "withdraw/", "delete/"])
def test_another_site_cannot_act_for_the_patient(mine, act):
    response = Client(enforce_csrf_checks=True).post(page_of(mine) + act, {})

    assert response.status_code == 403
    assert done_by_the_patient(mine) == []
    assert stored(mine).status == "new"


# --- Correcting -------------------------------------------------------------------------------


def correct(client, request, phone=None, email=None):
    return client.post(
        f"{page_of(request)}contact/",
        {
            "contact-phone": str(request.phone) if phone is None else phone,
            "contact-email": request.email if email is None else email,
        },
    )


def test_a_corrected_phone_number_is_used_and_the_old_one_stays_in_the_timeline(client, mine):
    before = mine.phone.as_e164

    response = correct(client, mine, phone="(512) 555-0188")

    assert response.status_code == 302
    assert response["Location"] == page_of(mine)
    assert stored(mine).phone.as_e164 == "+15125550188"
    assert done_by_the_patient(mine) == [("corrected", "Patient", "Changed phone number")]
    assert before[-4:] in mine.events.get(kind="corrected").note
    assert not Email.objects.exists()


def test_a_corrected_address_gets_the_confirmation(client, mine):
    correct(client, mine, email="ada.patient@example.com")

    assert stored(mine).email == "ada.patient@example.com"
    mail = Email.objects.get()
    assert mail.to == ["ada.patient@example.com"]
    assert mine.reference in mail.message
    assert [kind for kind, *_ in done_by_the_patient(mine)] == ["corrected", "mailed"]


def test_the_old_address_is_in_the_encrypted_note_only(client, mine):
    correct(client, mine, phone="(512) 555-0188", email="ada.patient@example.com")

    line = mine.events.get(kind="corrected")
    assert line.summary == "Changed phone number and email address"
    assert "ada@example.com" in line.note


def test_saving_without_a_change_is_not_a_correction(client, mine):
    response = correct(client, mine)

    assert response.status_code == 302
    assert done_by_the_patient(mine) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", ""),
        ("email", "ada@"),
        ("email", '"<ada>"@example.com'),
        ("phone", "12"),
        ("phone", "none"),
    ],
)
def test_what_cannot_be_right_is_said_beside_the_field_and_not_stored(client, mine, field, value):
    response = correct(client, mine, **{field: value})

    page = Page(response)
    assert response.status_code == 422
    assert page.fields[f"contact-{field}"] == value
    assert page.error_of(f"contact-{field}")
    assert (stored(mine).phone, stored(mine).email) == (mine.phone, mine.email)
    assert done_by_the_patient(mine) == []


# --- Withdrawing and deletion -----------------------------------------------------------------


@pytest.mark.parametrize("status", ["new", "attempting", "in_contact", "booked", "quarantined"])
def test_a_patient_can_withdraw(client, a_request, status):
    request = a_request(status=status)

    response = client.post(f"{page_of(request)}withdraw/")

    assert response.status_code == 302
    row = stored(request)
    assert (row.status, row.close_reason) == ("closed", "withdrawn")
    assert done_by_the_patient(request) == [("moved", "Patient", "Withdrawn by the patient")]
    assert client.get(page_of(request)).status_code == 200


@pytest.mark.parametrize("status", ["closed", "duplicate", "spam"])
def test_withdrawing_what_is_over_changes_nothing_and_is_no_error(client, a_request, status):
    request = a_request(status=status)

    response = client.post(f"{page_of(request)}withdraw/", follow=True)

    assert response.status_code == 200
    assert stored(request).status == status
    assert done_by_the_patient(request) == []


OFFERED = ("We will answer by", "Add photographs", "Correct how we reach you", "What we may do")


def test_while_a_request_is_open_the_page_says_when_we_answer_and_what_can_be_done(
    client, a_request
):
    request = a_request(phone="+15125550142", received_at=timezone.now())

    words = Page(client.get(page_of(request))).text

    assert all(each in words for each in OFFERED)
    assert "Withdraw this request" in words


def test_who_has_withdrawn_is_promised_and_asked_nothing_more(client, a_request):
    request = a_request(phone="+15125550142", received_at=timezone.now())

    words = Page(client.post(f"{page_of(request)}withdraw/", follow=True)).text

    assert "This request is closed, as you wished." in words
    assert not any(each in words for each in (*OFFERED, "Withdraw this request"))
    assert "Have it deleted" in words


def test_who_asked_for_deletion_is_promised_and_asked_nothing_more(client, a_request):
    request = a_request(phone="+15125550142", received_at=timezone.now())

    words = Page(client.post(f"{page_of(request)}delete/", follow=True)).text

    assert "You asked us to delete this request. We confirm by email when it is done." in words
    for each in (*OFFERED, "Withdraw this request", "Have it deleted"):
        assert each not in words


def test_asking_for_deletion_twice_is_asking_once(client, mine):
    for _ in range(2):
        assert client.post(f"{page_of(mine)}delete/").status_code == 302

    assert timezone.now() - stored(mine).deletion_asked_at < timedelta(minutes=1)
    assert done_by_the_patient(mine) == [("patient", "Patient", "Asked for deletion")]
    mail = Email.objects.get()
    assert mail.to == ["hello@example.com"]
    text = f"{mail.subject} {mail.message} {mail.html_message}"
    assert mine.reference in text
    for hidden in ("Ada", "ada@", "secret"):
        assert hidden not in text

"""The patient's own page: what it shows, what it never shows, and what can be done there."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from post_office.models import Email

from consultations import triage
from consultations.choices import Status
from consultations.models import ConsultationRequest, Event
from consultations.patient_page import patient_acts, private_link
from tests.pages import Page
from tests.private_pages import done_by_the_patient, page_of, stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def mine(a_request):
    return a_request(full_name="Ada Patient", email="ada@example.com", message="A secret worry.")


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
    assert "If you asked us to delete your request" in page.text
    assert ("What you sent just now was not stored" in page.text) == bool(act)
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


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("closed", "This request is closed already. There is nothing to do."),
        ("duplicate", "Withdraw that one on its own private page, or call us."),
        ("spam", "Please call us to withdraw this."),
    ],
)
def test_withdrawing_what_is_over_changes_nothing_and_is_no_error(client, a_request, status, words):
    request = a_request(status=status)

    response = client.post(f"{page_of(request)}withdraw/", follow=True)

    assert response.status_code == 200
    assert words in Page(response).text
    assert stored(request).status == status
    assert done_by_the_patient(request) == []


def test_who_withdraws_while_staff_move_the_request_has_withdrawn(mine, coordinator):
    as_the_page_was_opened = stored(mine)
    triage.move(stored(mine), Status.IN_CONTACT, by=coordinator)

    patient_acts.withdraw(as_the_page_was_opened)

    assert (stored(mine).status, stored(mine).close_reason) == ("closed", "withdrawn")


@pytest.mark.parametrize("act", ["contact/", "consents/", "photos/delete/", "withdraw/"])
def test_who_is_erased_while_they_act_is_told_that_the_link_is_gone(client, mine, monkeypatch, act):
    found = private_link.find(page_of(mine).split("/")[-2])
    address = page_of(mine) + act
    ConsultationRequest.objects.filter(pk=mine.pk).delete()
    monkeypatch.setattr(private_link, "find", lambda token: found)
    typed = {"contact-phone": "", "contact-email": "new@example.com", "consents-may_text": "on"}

    response = client.post(address, typed)

    assert response.status_code == 404
    assert "What you sent just now was not stored" in Page(response).text


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


# --- While the database is away ---------------------------------------------------------------


def away(*args):
    raise OperationalError


@pytest.fixture
def database_away(monkeypatch):
    """From when it is called."""
    return lambda: monkeypatch.setattr(private_link, "find", away)


def test_who_looks_while_the_database_is_away_is_asked_to_come_back(client, mine, database_away):
    address = page_of(mine)
    database_away()

    response = client.get(address)

    assert response.status_code == 503
    assert "it is not affected. Come back in a few minutes." in Page(response).text


@pytest.mark.parametrize(
    ("act", "typed"),
    [
        ("contact/", {"contact-phone": "(512) 555-0188", "contact-email": "new@example.com"}),
        ("consents/", {"consents-may_text": "on", "initial-consents-may_text": "False"}),
        ("withdraw/", {}),
        ("delete/", {}),
    ],
)
def test_what_was_sent_while_the_database_is_away_can_be_sent_again_from_there(
    client, mine, act, typed
):
    address = page_of(mine) + act
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(private_link, "find", away)
        response = client.post(address, typed | {"csrfmiddlewaretoken": "x"})
    page = Page(response)

    assert response.status_code == 503
    assert "we did not receive what you sent just now" in page.text
    again = {name: value for name, value in page.fields.items() if name != "csrfmiddlewaretoken"}
    assert again == typed
    assert "Send it again" in page.source
    assert client.post(address, again).status_code in (302, 409)


def test_pictures_sent_while_the_database_is_away_have_to_be_chosen_again(
    client, mine, database_away
):
    address = f"{page_of(mine)}photos/"
    database_away()

    response = client.post(address, {"photos-view_0": SimpleUploadedFile("a.jpg", b"x")})

    page = Page(response)
    assert response.status_code == 503
    assert "choose them again" in page.text
    assert "Send it again" not in page.source

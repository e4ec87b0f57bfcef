"""The form on which staff enter a call: consent, once only, look-alikes, mail, what is wrong."""

import re
from datetime import timedelta

import pytest
import time_machine
from post_office.models import Email

from consultations import consents, triage
from consultations.models import Consent, ConsultationRequest, Event
from consultations.patient_page import private_link
from tests.pages import Page
from tests.phone_desk import ADD, NOW, REQUESTS, enter, stored, typed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def ten_o_clock():
    """Sessions begin now, so that nobody is signed out by the time of these tests."""
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def client(practice, signed_in, coordinator):
    return signed_in(coordinator)


# --- Consent --------------------------------------------------------------------------------


def test_a_spoken_consent_is_kept_in_its_own_words_with_who_heard_it(client, coordinator):
    enter(client, may_leave_voicemail="on")

    row = stored()
    kept = {each.kind: each for each in row.consents.all()}
    assert set(kept) == {"health_data", "voicemail"}  # A box left empty may not have been asked.
    for each in kept.values():
        assert each.is_given
        assert each.version == "spoken-2026-11"
        assert each.recorded_by == str(coordinator)
        assert each.at == row.received_at
    assert kept["health_data"].wording == consents.HEALTH_DATA_SPOKEN.text
    assert row.may_leave_voicemail
    assert not row.may_text
    shown = Page(client.get(f"{REQUESTS}{row.pk}/change/")).text
    assert f"recorded by {coordinator}" in shown


def test_the_words_of_the_website_are_never_said_to_have_been_spoken():
    on_the_site = {(each.version, each.text) for each in consents.ON_THE_FORM}

    for wording in (*consents.SPOKEN, consents.NOT_ASKED, consents.NOT_ASKED_REFERRED):
        assert (wording.version, wording.text) not in on_the_site
        assert len(wording.version) <= Consent._meta.get_field("version").max_length


def test_the_questions_on_the_page_are_the_words_that_are_kept(client):
    shown = Page(client.get(ADD)).text

    for wording in consents.SPOKEN:
        assert wording.text in shown


@pytest.mark.parametrize(
    ("origin", "said", "is_kept"),
    [
        ("phone", "yes", True),
        ("phone", "no", False),
        ("phone", "not_asked", False),
        ("referral", "yes", True),
        ("referral", "no", False),
        ("referral", "not_asked", True),
    ],
)
@pytest.mark.parametrize("what", ["message", "procedure"])
def test_health_is_kept_with_leave_or_as_a_colleague_told_it(
    client, procedure, origin, said, is_kept, what
):
    told = {"message": "", "procedure": ""} | {
        what: "It hurts." if what == "message" else str(procedure.pk)
    }
    referred_by = "Dr. Ray Away" if origin == "referral" else ""

    response = enter(
        client, origin=origin, referred_by=referred_by, consent_health_data=said, **told
    )

    assert response.status_code == (302 if is_kept else 400)
    assert ConsultationRequest.objects.exists() == is_kept
    if not is_kept:
        assert "nothing about their health is kept" in Page(response).error_of(what)


@pytest.mark.parametrize(
    ("origin", "said", "version"),
    [
        ("phone", "no", "spoken-2026-11"),
        ("phone", "not_asked", "not-asked-2026-11"),
        ("referral", "not_asked", "referred-2026-11"),
    ],
)
def test_without_consent_the_caller_is_kept_and_what_they_said_to_it(client, origin, said, version):
    enter(client, origin=origin, referred_by="Dr. Ray Away", consent_health_data=said, message="")

    consent = stored().consents.get()
    assert (consent.kind, consent.is_given, consent.version) == ("health_data", False, version)


# --- Once only ------------------------------------------------------------------------------


def test_a_second_press_of_the_button_is_the_same_request(client):
    sent = typed(email="cal@example.com", is_taken="on", first_reply="spoke")
    first, second = client.post(ADD, sent), client.post(ADD, sent)

    assert first["Location"] == second["Location"]
    assert (Email.objects.count(), Event.objects.filter(kind="received").count()) == (1, 1)
    said = [str(message) for message in client.get(second["Location"]).context["messages"]]
    assert f"This was saved already, as {stored().reference}. Nothing was saved twice." in said


def test_back_with_a_fresh_form_is_the_same_request_for_half_an_hour(client):
    enter(client)
    with time_machine.travel(NOW + timedelta(minutes=29), tick=False):
        enter(client, received_at="2026-11-16T10:09")

    assert ConsultationRequest.objects.count() == 1


@pytest.mark.parametrize("when", ["2026-11-16T09:10", "2026-11-13T09:40"])
def test_who_calls_at_another_time_with_the_same_words_is_another_request(client, when):
    enter(client)
    enter(client, received_at=when)

    assert ConsultationRequest.objects.count() == 2


@pytest.mark.parametrize("changes", [{"first_reply": "spoke"}, {"message": "Another."}])
def test_another_answer_is_another_request(client, changes):
    enter(client)
    enter(client, **changes)

    assert ConsultationRequest.objects.count() == 2


def test_two_colleagues_who_both_enter_the_call_are_shown_that_they_did(
    client, signed_in, colleague
):
    enter(client)
    first = stored()
    response = signed_in(colleague).post(ADD, typed(), follow=True)

    assert ConsultationRequest.objects.count() == 2
    assert f"Looks like {first.reference}" in Page(response).text


# --- Look-alikes ----------------------------------------------------------------------------


def test_who_asked_before_is_shown_after_saving_never_refused(client, a_request):
    earlier = a_request(phone="+15125550142")
    response = client.post(ADD, typed(), follow=True)

    row = ConsultationRequest.objects.get(origin="phone")
    assert row.resembles == earlier
    page = Page(response)
    assert f"Looks like {earlier.reference} : the same email or phone." in page.text
    assert f"{REQUESTS}{earlier.pk}/change/" in page.links
    assert f"{REQUESTS}{row.pk}/merge/?into={earlier.pk}" in page.links


def test_a_surgeon_is_not_told_of_a_look_alike_that_they_may_not_see(
    signed_in, surgeon_user, surgeon, a_request
):
    earlier = a_request(phone="+15125550142")
    response = signed_in(surgeon_user).post(ADD, typed(surgeon=str(surgeon.pk)), follow=True)

    assert ConsultationRequest.objects.get(origin="phone").resembles == earlier
    assert earlier.reference not in response.content.decode()


# --- Mail -----------------------------------------------------------------------------------


def test_a_confirmation_goes_to_the_patient_alone(client, coordinator):
    enter(client, email="cal@example.com")

    mail = Email.objects.get()
    row = stored()
    assert mail.to == ["cal@example.com"]
    told = mail.message.replace("\N{NO-BREAK SPACE}", " ")
    assert "We will answer by Monday, November 16 at 1:40 PM, our local time." in told
    assert private_link.placeholder(row) in mail.message
    assert "Cal" not in mail.message + mail.html_message
    assert private_link.path(row)
    assert row.events.get(kind="mailed").by == coordinator


def test_who_was_spoken_to_is_promised_no_further_reply(client):
    enter(client, email="cal@example.com", first_reply="spoke")

    assert "What we agreed when we spoke" in Email.objects.get().message
    assert "We will answer by" not in Email.objects.get().message


@pytest.mark.parametrize(
    "changes", [{"email": "cal@example.com", "is_confirmed": None}, {"email": ""}]
)
def test_no_mail_where_staff_took_out_the_tick_or_there_is_no_address(client, changes):
    enter(client, **changes)

    assert not Email.objects.exists()
    assert not stored().link_digest
    assert not stored().events.filter(kind="mailed").exists()


def test_what_was_spam_by_mistake_mails_nobody_when_it_comes_back(client, coordinator):
    enter(client, email="cal@example.com", is_confirmed=None)
    row = stored()
    triage.move(row, "spam", by=coordinator)
    triage.move(row, "new", by=coordinator)

    assert not Email.objects.exists()


# --- What is wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field", "why"),
    [
        ({"origin": ""}, "origin", "Choose how it came."),
        ({"origin": "website"}, "origin", "website is not one of the available choices"),
        ({"origin": "referral"}, "referred_by", "Enter who referred them."),
        ({"full_name": " "}, "full_name", "Enter their full name."),
        ({"phone": "12"}, "phone", "Enter a phone number with its area code"),
        ({"phone": ""}, "phone", "Enter a phone number, or choose email as the way to reach them."),
        (
            {"phone": "", "contact_method": ""},
            "phone",
            "Enter a phone number: there is no other way to reach them.",
        ),
        ({"email": "nobody"}, "email", "Enter an email address like name@example.com."),
        ({"email": '"a,b"@example.com'}, "email", "Enter an email address like"),
        ({"contact_method": "email"}, "email", "Enter the email address, or choose another way"),
        ({"contact_method": "text"}, "may_text", "Tick this to be reached by text"),
        ({"contact_method": ""}, "contact_method", "Choose how we should contact them."),
        ({"is_under_18": "on"}, "guardian_name", "Enter the full name of a parent or guardian."),
        ({"is_under_18": "on"}, "guardian_relationship", "Say how they are related"),
        ({"consent_health_data": ""}, "consent_health_data", "Choose what they said"),
        ({"first_reply": ""}, "first_reply", "Choose whether somebody still has to"),
        ({"message": "x" * 5001}, "message", "write the rest into a note"),
    ],
)
def test_each_error_stands_beside_its_field_and_everything_typed_is_kept(
    client, changes, field, why
):
    sent = typed(preferred_name="Cally", may_leave_voicemail="on") | changes
    response = client.post(ADD, sent)

    page = Page(response)
    assert response.status_code == 400
    assert why in page.error_of(field)
    assert page.title.strip().startswith("Error:")
    target = next(href for href, words in page.summary.items() if why in words)
    assert f'id="{target[1:]}"' in page.source
    kept = {name: page.fields.get(name, "") for name in sent}
    kept.pop("origin" if changes.get("origin") == "website" else "", None)
    assert kept == {name: sent[name] for name in kept}
    assert not ConsultationRequest.objects.exists()


def test_no_browser_fills_in_the_person_who_types(client):
    source = client.get(ADD).content.decode()

    boxes = re.findall(r"<(?:input|textarea)[^>]*name=\"(?:full_name|email|phone)\"[^>]*>", source)
    assert len(boxes) == 3
    assert all('autocomplete="off"' in each for each in boxes)


def test_a_token_that_is_none_is_a_send_of_its_own(client):
    assert enter(client, token="x").status_code == 302
    assert enter(client, token="x", full_name="Dee").status_code == 302
    assert ConsultationRequest.objects.count() == 2


# --- Asked later ----------------------------------------------------------------------------


def test_who_was_not_asked_is_asked_later_and_both_answers_stay(client, coordinator):
    enter(client, consent_health_data="not_asked", message="")
    row = stored()
    address = f"{REQUESTS}{row.pk}/"
    assert "They have not agreed yet" in Page(client.get(f"{address}change/")).text
    later = NOW + timedelta(minutes=10)

    with time_machine.travel(later, tick=False):
        client.post(f"{address}health-consent/", {"is_given": "yes"})

    first, second = row.consents.all()
    assert (first.version, first.is_given) == ("not-asked-2026-11", False)
    assert (second.version, second.is_given) == ("spoken-2026-11", True)
    assert (second.recorded_by, second.at) == (str(coordinator), later)
    assert row.events.get(kind="corrected").summary == "Health information allowed"
    assert "They have not agreed yet" not in Page(client.get(f"{address}change/")).text


def test_who_said_no_may_be_asked_again(client):
    enter(client, consent_health_data="no", message="")
    row = stored()
    client.post(f"{REQUESTS}{row.pk}/health-consent/", {"is_given": "no"})

    assert list(row.consents.values_list("is_given", flat=True)) == [False, False]
    assert "They have not agreed yet" in Page(client.get(f"{REQUESTS}{row.pk}/change/")).text


def test_an_answer_that_is_none_is_told_and_kept_from_the_record(client):
    enter(client, consent_health_data="no", message="")
    response = client.post(f"{REQUESTS}{stored().pk}/health-consent/", {})

    assert response.status_code == 400
    assert "Press the button that says what they answered." in Page(response).text
    assert stored().consents.count() == 1


def test_who_filled_in_the_website_s_form_is_not_asked_again(client, a_request):
    assert (
        "They have not agreed yet"
        not in Page(client.get(f"{REQUESTS}{a_request().pk}/change/")).text
    )


def test_what_staff_heard_later_is_kept_in_spoken_words(client, coordinator):
    enter(client)
    row = stored()
    sent = {"initial-may_leave_voicemail": "False", "initial-may_text": "False"}
    sent |= {"may_text": "on", "how": "Said so when I called."}
    client.post(f"{REQUESTS}{row.pk}/consents/", sent)

    consent = row.consents.get(kind="text")
    assert (consent.wording, consent.recorded_by) == (consents.TEXT_SPOKEN.text, str(coordinator))

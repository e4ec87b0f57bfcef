"""What the mails say, what they never say, and when each is queued."""

import signal

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils.html import escape
from post_office.models import STATUS, Email

from consultations import form_facts, notifications, privacy
from consultations.models import ConsultationRequest, Event
from consultations.patient_page import patient_acts, private_link
from consultations.staff_work import replies, staff_acts
from practice.models import Practice
from tests.dump import places_of

pytestmark = pytest.mark.django_db

FORM = "/consultation/"
sends = pytest.mark.django_db(transaction=True)


def everything_in(mail):
    """A queued mail as one text, with whatever the row keeps beside the words."""
    return "\n".join(
        str(getattr(mail, field.attname))
        for field in Email._meta.concrete_fields
        if field.name != "to"
    )


@pytest.fixture
def received(client, practice, answers, time_machine):
    time_machine.move_to("2026-11-20T22:00:00Z", tick=False)  # Friday 16:00 in Chicago.
    client.post(FORM, answers)
    return ConsultationRequest.objects.get()


@pytest.fixture
def to_patient(received):
    return Email.objects.get(to__contains="ada@example.com")


@pytest.fixture
def to_staff(received):
    return Email.objects.get(to__contains="hello@example.com")


@pytest.fixture
def work():
    """`work()` is one round of the background worker, which sends in threads of its own."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield lambda: call_command("run_worker", once=True)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def write_to(request, by):
    """A letter, the one mail that may call the patient by name: a person looks it through."""
    body = replies.fill("Hello {name}, please call us.", request)
    replies.send(request, "Your request", body, by=by)


# --- The patient's ----------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["message", "html_message"])
def test_the_patient_gets_reference_promise_and_phone_number(received, to_patient, part):
    text = " ".join(getattr(to_patient, part).split())  # Spaces that do not break are spaces.

    assert received.reference in text
    assert received.reference in to_patient.subject
    assert "Monday, November 23 at 12:00 PM" in text
    assert "555-0100" in text
    assert "call 911" in text


@pytest.mark.parametrize("part", ["message", "html_message"])
def test_a_queued_mail_holds_a_placeholder_instead_of_the_link(received, to_patient, part):
    token = private_link.path(received).split("/")[-2]

    assert private_link.placeholder(received) in getattr(to_patient, part)
    assert token not in everything_in(to_patient)
    assert places_of(token) == set()


@sends
@pytest.mark.parametrize("part", ["text", "HTML"])
def test_the_mail_that_is_sent_holds_the_link_and_the_link_works(
    received, to_patient, work, mailoutbox, part
):
    work()

    sent = next(mail for mail in mailoutbox if mail.to == ["ada@example.com"])
    text = sent.body if part == "text" else sent.alternatives[0].content
    address = private_link.path(received)
    assert f"https://testserver{address}" in text
    assert "private-link-of-" not in text
    assert Client().get(address).status_code == 200


@sends
def test_what_is_kept_of_a_sent_mail_still_holds_the_placeholder(received, work, mailoutbox):
    work()

    kept = Email.objects.get(to__contains="ada@example.com")
    assert kept.status == STATUS.sent
    assert private_link.placeholder(received) in kept.message
    assert places_of(private_link.path(received).split("/")[-2]) == set()


def test_without_opening_hours_no_time_is_promised(client, practice, location, answers):
    location.hours.all().delete()

    client.post(FORM, answers)

    mail = Email.objects.get(to__contains="ada@example.com")
    assert "as soon as we can" in mail.message
    assert "as soon as we can" in mail.html_message


@sends
@pytest.mark.parametrize(
    "name",
    [
        "<b>Ada</b> & Co.",
        "{{ 7|add:42 }}",
        "{{ 7*7 }}",
        "{% now 'Y' %}",
        "{% include 'base.html' %}",
        "{% nonsense",
        "Ada\r\nBcc: eve@example.com",
    ],
)
def test_a_name_cannot_change_a_letter(a_request, coordinator, work, mailoutbox, name):
    request = a_request(preferred_name=name)
    write_to(request, coordinator)

    work()

    sent = next(mail for mail in mailoutbox if mail.to == [request.email])
    assert sent.recipients() == [request.email]
    html = sent.alternatives[0].content.replace("<br>", " ")
    assert f"Hello {' '.join(name.split())}," in " ".join(sent.body.split())
    assert f"Hello {escape(' '.join(name.split()))}," in " ".join(html.split())
    assert "Bcc" not in str(sent.message().items())


@sends
def test_a_name_that_is_another_s_placeholder_gets_nobody_s_link(
    a_request, coordinator, work, mailoutbox
):
    other = a_request()
    request = a_request(preferred_name=private_link.placeholder(other))
    write_to(request, coordinator)

    work()

    sent = next(mail for mail in mailoutbox if mail.to == [request.email])
    for text in (sent.body, sent.alternatives[0].content):
        assert private_link.path(other) not in text
        assert "https://testserver/consultation/" in text


def corrected(request, client, by):
    staff_acts.correct(request, {"email": request.email}, {"email": "new@example.com"}, by=by)


def link_renewed(request, client, by):
    staff_acts.renew_link(request, by=by)


def erased(request, client, by):
    privacy.erase_person(request, reason="Asked for", by=by)


@pytest.mark.parametrize("act", [None, corrected, link_renewed, erased])
def test_nobody_can_have_us_mail_their_own_words_to_others(
    client, practice, answers, coordinator, act
):
    typed = {
        name: f"{word} at spam.example"
        for name, word in (
            *(("full_name", "Winner"), ("preferred_name", "Darling"), ("message", "Casino")),
            *(("guardian_name", "Prince"), ("guardian_relationship", "Uncle")),
            ("interpreter_language", "Klingon"),
        )
    }
    client.post(FORM, answers | typed | {"is_under_18": "on"})
    request = ConsultationRequest.objects.get()
    if act:
        Email.objects.all().delete()
        act(request, client, coordinator)

    (mail,) = Email.objects.exclude(to=["hello@example.com"])
    for text in (mail.subject, mail.message, mail.html_message):
        assert "spam.example" not in text
        assert not [word for word in typed.values() if word.split()[0] in text]


# --- The staff's ------------------------------------------------------------------------------


def test_staff_get_a_reference_and_a_link_and_nothing_about_the_patient(received, to_staff):
    text = everything_in(to_staff)

    assert received.reference in to_staff.subject
    for part in (to_staff.message, to_staff.html_message):
        assert received.reference in part
        assert f"/admin/consultations/consultationrequest/{received.pk}/change/" in part
    for told_by_the_patient in ("Ada", "ada@", "555-0142", "nose"):
        assert told_by_the_patient not in text


def test_staff_choose_where_they_are_told(client, practice, answers):
    practice.new_request_email = "inbox@example.com"
    practice.save()

    client.post(FORM, answers)

    assert {mail.to[0] for mail in Email.objects.all()} == {"ada@example.com", "inbox@example.com"}


def test_a_site_without_a_mailbox_confirms_to_the_patient_all_the_same(a_request, practice):
    Practice.objects.update(email="")
    request = a_request()

    notifications.tell_received(request, Practice.current())
    patient_acts.ask_for_deletion(request)

    assert [mail.to for mail in Email.objects.all()] == [[request.email]]


# --- Both -------------------------------------------------------------------------------------

MARKERS = {
    "full_name": "MARKERfullname",
    "phone": "+1 512 555 0177",
    "guardian_name": "MARKERguardian",
    "guardian_relationship": "MARKERrelationship",
    "message": "MARKERmessage",
    "interpreter_language": "MARKERlanguage",
}


def test_no_mail_repeats_what_the_patient_told_but_for_the_name(client, procedure, answers):
    told = {"is_under_18": "on", "procedure": procedure.pk, "preferred_name": "Ada"}

    client.post(FORM, answers | MARKERS | told)

    assert Email.objects.count() == 2
    for mail in Email.objects.all():
        text = everything_in(mail)
        assert "MARKER" not in text
        assert "0177" not in text
        assert "hinoplasty" not in text.lower()
        assert "nose" not in text.lower()


def test_the_mails_are_queued_once_and_the_timeline_says_so(received, practice):
    notifications.tell_received(received, practice)

    assert Email.objects.count() == 2
    line = received.events.get(kind=Event.Kind.MAILED)
    assert line.by_name == "System"
    assert set(line.details["emails"]) == set(Email.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("name", ["Ada & <b>Co.</b>", "\ue000reference\ue001", "{{ reference }}"])
def test_mails_are_the_same_whether_their_texts_were_kept_or_are_rendered(a_request, name):
    facts = form_facts.current()
    requests = [
        a_request(preferred_name=name),
        a_request(respond_by=None),
        a_request(preferred_name=name, status="quarantined"),
    ]
    for request in requests:
        kept, rendered = (
            notifications.of_received(request, facts.practice, each) for each in (facts, None)
        )
        assert list(map(texts, kept)) == list(map(texts, rendered))
        others = {each.reference for each in requests if each != request}
        assert not any(other in text for mail in kept for text in texts(mail) for other in others)


def texts(mail):
    return [mail.subject, mail.message, mail.html_message]


def test_machines_are_asked_not_to_answer(received):
    assert {mail.headers["Auto-Submitted"] for mail in Email.objects.all()} == {"auto-generated"}


@sends
def test_mails_travel_through_a_real_mail_server(received, work, smtp_sink):
    work()

    assert sorted(message.envelope_to for message in smtp_sink.messages) == [
        ["ada@example.com"],
        ["hello@example.com"],
    ]
    to_patient = next(m for m in smtp_sink.messages if m.envelope_to == ["ada@example.com"])
    plain = to_patient.get_body(("plain",)).get_content()
    html = to_patient.get_body(("html",)).get_content()
    assert private_link.path(received) in plain
    assert private_link.path(received) in html

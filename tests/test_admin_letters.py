"""Letters: filled in, looked through, previewed, sent through the queue, sent again."""

import pytest
from post_office.models import STATUS, Email

from consultations import triage
from consultations.models import ConsultationRequest, ContactAttempt, Event, ReplyTemplate
from practice import sample_content

REQUESTS = "/admin/consultations/consultationrequest/"
TEMPLATES = "/admin/consultations/replytemplate/"
LETTER = {"name": "Hello", "subject": "Your request", "body": "Please call us.\n\nKind regards"}


@pytest.fixture
def client(signed_in, coordinator):
    return signed_in(coordinator)


@pytest.fixture
def row(a_request, procedure):
    return a_request(
        full_name="Ada Patient",
        procedure=procedure,
        message="My nose is blocked on the left side since the winter.",
    )


def text(response):
    return response.content.decode()


def write(client, row, step, **changes):
    sent = LETTER | {"step": step, "seen_status": row.status} | changes
    return client.post(f"{REQUESTS}{row.pk}/letter/", sent)


def test_a_template_is_filled_in_and_can_be_changed(client, row):
    template = ReplyTemplate.objects.create(
        name="Hello", subject="Request {reference}", body="Hello {name}, call {phone}."
    )
    assert "Write an email" in text(client.get(f"{REQUESTS}{row.pk}/change/"))
    shown = text(client.get(f"{REQUESTS}{row.pk}/letter/", {"template": template.pk}))
    assert f'value="Request {row.reference}"' in shown
    assert "Hello Ada Patient, call (512)\N{NO-BREAK SPACE}555-0100.</textarea>" in shown


def test_a_name_of_several_lines_from_before_is_one_line_in_a_letter(client, row):
    type(row).objects.update(preferred_name="Ada\r\n\r\nof Austin")
    assert "Hello Ada of Austin,\n" in text(client.get(f"{REQUESTS}{row.pk}/letter/"))


@pytest.mark.parametrize("number", ["", "x", "999", "9" * 30])
def test_without_a_template_one_begins_with_a_greeting(client, row, number):
    shown = text(client.get(f"{REQUESTS}{row.pk}/letter/", {"template": number}))
    assert "Hello Ada Patient" in shown


def test_the_preview_sends_nothing_and_leads_back_to_the_text(client, row):
    shown = write(client, row, "preview")
    assert "Please call us." in text(shown)
    assert row.email in text(shown)
    assert not Email.objects.exists()
    again = write(client, row, "change")
    assert "Please call us." in text(again)
    assert 'name="step" value="preview"' in text(again)


def test_a_letter_is_queued_counted_as_a_contact_and_kept(client, row, coordinator):
    assert write(client, row, "send").status_code == 302
    row.refresh_from_db()
    assert row.status == "attempting"
    assert row.first_response_at is not None
    assert ContactAttempt.objects.get().channel == "email"
    event = Event.objects.get(request=row, kind="mailed")
    assert "Please call us." in event.note
    assert Email.objects.get().to == [row.email]
    assert "waiting to be sent" in text(client.get(f"{REQUESTS}{row.pk}/change/"))


def test_the_same_template_can_be_sent_twice(client, row):
    for _ in range(2):
        row.refresh_from_db()
        body = "We tried to call you today and did not reach you."
        assert write(client, row, "send", body=body).status_code == 302
    assert Email.objects.count() == 2


@pytest.mark.parametrize("step", ["preview", "send"])
def test_a_quotation_of_the_patient_is_refused(client, row, step):
    response = write(client, row, step, body="You said: blocked on the left side since the winter")
    assert "It repeats" in text(response)
    assert 'value="send"' not in text(response)
    assert not Email.objects.exists()
    response = write(
        client,
        row,
        "send",
        body="You said: blocked on the left side since the winter",
        all_the_same="yes",
    )
    assert response.status_code == 400
    assert not Email.objects.exists()


def test_notes_of_a_merged_request_are_not_quoted_either(client, row, a_request, coordinator):
    other = a_request(message="I take a blood thinner since the operation last year.")
    triage.merge(other, row, by=coordinator)
    response = write(client, row, "send", body="about the blood thinner since the operation last")
    assert response.status_code == 400


def test_a_named_procedure_has_to_be_meant(client, row):
    body = "About your Rhinoplasty: please call us."
    assert "Send it all the same" in text(write(client, row, "preview", body=body))
    refused = write(client, row, "send", body=body)
    assert refused.status_code == 400
    assert "Tick" in text(refused)
    assert write(client, row, "send", body=body, all_the_same="yes").status_code == 302
    assert Email.objects.count() == 1


def test_an_empty_letter_is_not_ready(client, row):
    response = write(client, row, "preview", subject="", body="")
    assert response.status_code == 400
    assert "Give the letter a subject." in text(response)


def test_the_slower_one_keeps_the_letter(client, row, colleague):
    triage.move(ConsultationRequest.objects.get(pk=row.pk), "attempting", by=colleague)
    response = write(client, row, "send")
    assert response.status_code == 409
    assert "Please call us." in text(response)
    assert "When you opened it" in text(response)
    assert not Email.objects.exists()
    row.refresh_from_db()
    assert write(client, row, "send").status_code == 302


def test_a_closed_request_gets_no_letter(client, a_request):
    row = a_request(status="closed")
    response = client.get(f"{REQUESTS}{row.pk}/letter/", follow=True)
    assert "Reopen this request before writing" in text(response)


def test_what_could_not_be_sent_is_seen_and_sent_again(client, row):
    write(client, row, "send")
    Email.objects.update(status=STATUS.failed)
    shown = text(client.get(f"{REQUESTS}{row.pk}/change/"))
    assert "could not be sent" in shown
    event = Event.objects.filter(request=row, kind="mailed").first()
    client.post(f"{REQUESTS}{row.pk}/send-again/", {"event": event.pk})
    assert Email.objects.get().status == STATUS.queued
    assert Event.objects.filter(request=row, summary="Put back into the mail queue").exists()


@pytest.mark.parametrize("event", ["", "x", "999", "9" * 30])
def test_sending_nothing_again_is_no_error(client, row, event):
    response = client.post(f"{REQUESTS}{row.pk}/send-again/", {"event": event}, follow=True)
    assert "nothing to send again" in text(response)


def test_another_request_s_mail_is_not_sent_from_here(client, row, a_request):
    write(client, row, "send")
    Email.objects.update(status=STATUS.failed)
    event = Event.objects.filter(request=row, kind="mailed").first()
    client.post(f"{REQUESTS}{a_request().pk}/send-again/", {"event": event.pk})
    assert Email.objects.get().status == STATUS.failed


def test_a_template_with_a_wrong_placeholder_is_not_saved(signed_in, manager):
    sent = {"name": "A", "subject": "B", "body": "Hello {nmae}", "position": 0}
    response = signed_in(manager).post(f"{TEMPLATES}add/", sent)
    assert "cannot be filled in" in text(response)
    signed_in(manager).post(f"{TEMPLATES}add/", sent | {"body": "Hello {name}"})
    assert ReplyTemplate.objects.get().body == "Hello {name}"


def test_the_sample_letters_can_be_filled_in_and_name_nothing(row):
    from consultations.staff_work import replies

    letters = sample_content.read("reply_templates.toml")["templates"]
    assert len(letters) == 3
    for letter in letters:
        whole = f"{letter['subject']}\n{letter['body']}"
        replies.check_placeholders(whole)
        filled = replies.fill(whole, row)
        assert "{" not in filled
        assert replies.concerns(filled, row) == []

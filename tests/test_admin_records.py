"""Records that nobody can rewrite: the audit trail and the mail queue."""

import pytest
from allauth.mfa.models import Authenticator
from auditlog.models import LogEntry
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from post_office.models import STATUS, Attachment, Email, EmailTemplate, Log

from consultations.models import ConsultationRequest, Event

AUDIT = "/admin/auditlog/logentry/"
MAIL = "/admin/post_office/email/"


@pytest.fixture
def owner(django_user_model):
    return django_user_model.objects.create_superuser("owner", "owner@example.com", "x")


# --- The audit trail -----------------------------------------------------------------------


def test_the_trail_holds_nothing_of_a_person(a_request):
    marks = {
        name: f"marker-{name}"
        for name in ("full_name", "preferred_name", "guardian_name", "message")
    }
    marks |= {"guardian_relationship": "marker-rel", "interpreter_language": "marker-lang"}
    row = a_request(**marks, email="marker-mail@example.com", phone="+15125550177")
    row.full_name, row.message, row.status = "marker-again", "marker-word", "attempting"
    row.email, row.phone = "marker-other@example.com", "+15125550178"
    row.save()
    Event.objects.create(request=row, kind="noted", note="marker-note", summary="marker-summary")
    row.delete()
    written = str(list(LogEntry.objects.values()))
    assert "marker" not in written
    assert "5550177" not in written
    assert "5550178" not in written
    assert "attempting" in written
    actions = {entry.action for entry in LogEntry.objects.get_for_model(ConsultationRequest)}
    # An erasure has a receipt of its own.
    assert actions == {LogEntry.Action.UPDATE}


def test_content_changes_are_kept_word_for_word(procedure):
    procedure.risks = "- Bleeding, often"
    procedure.save()
    entry = LogEntry.objects.get_for_object(procedure).first()
    assert entry.changes_dict["risks"][1] == "- Bleeding, often"


def test_the_password_stays_out(coordinator):
    coordinator.set_password("a new and secret one")
    coordinator.first_name = "Carola"
    coordinator.save()
    assert "password" not in str(list(LogEntry.objects.values("changes")))


def test_nobody_writes_the_trail_not_even_a_superuser(signed_in, owner, procedure):
    entry = LogEntry.objects.first()
    client = signed_in(owner)
    assert client.get(AUDIT).status_code == 200
    assert client.get(f"{AUDIT}{entry.pk}/change/").status_code == 200
    assert client.get(f"{AUDIT}add/").status_code == 403
    assert client.post(f"{AUDIT}{entry.pk}/change/", {"action": 3}).status_code == 403
    assert client.post(f"{AUDIT}{entry.pk}/delete/", {"post": "yes"}).status_code == 403
    sent = {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"}
    client.post(AUDIT, sent)
    assert LogEntry.objects.filter(pk=entry.pk).exists()


def test_deleting_a_page_leaves_its_trail(signed_in, owner, procedure):
    before = LogEntry.objects.get_for_object(procedure).count()
    pk = procedure.pk
    signed_in(owner).post(f"/admin/procedures/procedure/{pk}/delete/", {"post": "yes"})
    assert (
        LogEntry.objects.filter(content_type__model="procedure", object_id=pk).count() == before + 1
    )


def test_the_auditor_reads_and_others_do_not(signed_in, auditor, coordinator, editor):
    assert signed_in(auditor).get(AUDIT).status_code == 200
    assert signed_in(coordinator).get(AUDIT).status_code == 403
    assert signed_in(editor).get(AUDIT).status_code == 403


# --- Mail ----------------------------------------------------------------------------------


@pytest.fixture
def mails(db):
    def mail(status, **fields):
        values = {"from_email": "from@example.com", "to": ["ada@example.com"]}
        values |= {"subject": "We have it", "message": "secret-link", "status": status}
        return Email.objects.create(**values | fields)

    failed = mail(STATUS.failed, html_message="<p>secret-link</p>", number_of_retries=3)
    Log.objects.create(email=failed, status=STATUS.failed, message="550 no such mailbox")
    return {"failed": failed, "sent": mail(STATUS.sent), "queued": mail(STATUS.queued)}


def test_the_queue_says_what_failed_and_hides_what_was_written(signed_in, manager, mails):
    client = signed_in(manager)
    for address in (MAIL, f"{MAIL}{mails['failed'].pk}/change/"):
        shown = client.get(address).content.decode()
        assert "550 no such mailbox" in shown
        assert "ada@example.com" in shown
        assert "secret-link" not in shown
    for gone in ("preview", "resend"):
        assert client.get(f"{MAIL}{mails['failed'].pk}/{gone}/").status_code in (302, 404)


def test_sending_again_leaves_sent_mails_alone(signed_in, manager, mails):
    chosen = {"action": "requeue", "_selected_action": [mail.pk for mail in mails.values()]}
    signed_in(manager).post(MAIL, chosen | {"index": 0})
    states = {name: Email.objects.get(pk=mail.pk).status for name, mail in mails.items()}
    assert states == {
        "failed": STATUS.queued,
        "sent": STATUS.sent,
        "queued": STATUS.queued,
    }


def test_the_queue_costs_the_same_for_any_number(
    signed_in, manager, mails, django_assert_num_queries
):
    client = signed_in(manager)
    client.get(MAIL)
    with CaptureQueriesContext(connection) as few:
        client.get(MAIL)
    for _ in range(20):
        Email.objects.create(from_email="a@example.com", to=["b@example.com"], status=0)
    with django_assert_num_queries(len(few)):
        assert client.get(MAIL).status_code == 200


def test_coordinators_do_not_see_the_queue(signed_in, coordinator, mails):
    assert signed_in(coordinator).get(MAIL).status_code == 403


@pytest.mark.parametrize("model", [EmailTemplate, Attachment, Log])
def test_what_nobody_needs_is_not_there(model):
    assert not admin.site.is_registered(model)


def test_second_factors_can_be_taken_away_but_not_read(signed_in, owner, coordinator):
    signed_in(coordinator)
    factor = Authenticator.objects.get(user=coordinator)
    client = signed_in(owner)
    shown = client.get(f"/admin/mfa/authenticator/{factor.pk}/change/").content.decode()
    assert "secret" not in shown
    assert factor.data["secret"] not in shown
    client.post(f"/admin/mfa/authenticator/{factor.pk}/delete/", {"post": "yes"})
    assert not Authenticator.objects.filter(pk=factor.pk).exists()


# --- Leaving -------------------------------------------------------------------------------


def test_signing_out_of_the_admin(signed_in, coordinator):
    client = signed_in(coordinator)
    assert client.get("/admin/").status_code == 200
    client.post("/admin/logout/")
    assert client.get("/admin/").status_code == 302

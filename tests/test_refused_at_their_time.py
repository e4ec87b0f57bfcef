"""What was to go live at its time and may not: whoever set the time is told, once."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone
from post_office.models import Email

from practice.editing import revisions, scheduling
from procedures.models import Procedure
from tests.test_versions import as_sent, errors_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def address(procedure):
    return f"/admin/procedures/procedure/{procedure.pk}/change/"


@pytest.fixture
def edda(editor, signed_in):
    return signed_in(editor)


@pytest.fixture
def schedule(edda, address, procedure):
    """`schedule()` sets a time in the form as Edda; then the page loses its risks."""

    def schedule(button="_save", **typed):
        at = timezone.localtime(timezone.now() + timedelta(hours=2))
        Procedure.objects.update(status="draft")
        sent = {"status": "scheduled", "publish_at": f"{at:%Y-%m-%dT%H:%M}", button: "1"}
        answer = edda.post(address, as_sent(edda, address) | sent | typed)
        assert answer.status_code == 302, errors_of(answer)
        Procedure.objects.update(risks="")
        return scheduling.publish_due(timezone.now() + timedelta(days=2))

    return schedule


def test_whoever_set_the_time_gets_one_mail(schedule):
    assert schedule() == 0
    for _ in range(3):
        scheduling.publish_due(timezone.now() + timedelta(days=3))

    assert Email.objects.get().to == ["edda@example.com"]


def test_the_mail_names_the_page_and_where_it_is_mended_and_nothing_of_its_text(schedule, address):
    schedule(summary="Not yet for everybody.")

    mail = Email.objects.get()
    text = mail.email_message().body
    assert "“Rhinoplasty” was not published" in mail.email_message().subject
    assert address in text
    for hidden in ("Not yet for everybody", "risks", "Bleeding"):
        assert hidden not in text + mail.subject + json.dumps(mail.headers)


def test_the_page_s_form_says_why_until_it_is_mended(schedule, edda, address):
    schedule()
    shown = edda.get(address).content.decode()
    assert "Not published:" in shown
    assert "risks" in shown.partition("Not published:")[2][:200]

    sent = as_sent(edda, address) | {"status": "draft", "risks": "- Bleeding", "_save": "1"}
    assert edda.post(address, sent).status_code == 302
    assert "Not published:" not in edda.get(address).content.decode()


def test_the_first_page_of_the_admin_shows_it_to_editors(
    schedule, edda, address, signed_in, coordinator
):
    assert "did not go live" not in edda.get("/admin/").content.decode()
    schedule()

    shown = edda.get("/admin/").content.decode()
    assert "did not go live" in shown
    assert f'href="{address}"' in shown
    assert "did not go live" not in signed_in(coordinator).get("/admin/").content.decode()

    Procedure.objects.update(status="published")
    assert "did not go live" not in edda.get("/admin/").content.decode()


def a_lacking_draft(procedure, by):
    content = revisions.snapshot(procedure)
    content[0]["fields"]["risks"] = ""
    return revisions.keep_draft(procedure, content, by=by, publish_at=timezone.now())


def test_who_kept_a_draft_for_a_time_is_told_as_well(procedure, editor, edda, address):
    a_lacking_draft(procedure, editor)

    for _ in range(3):
        scheduling.publish_due()

    mail = Email.objects.get()
    assert mail.to == ["edda@example.com"]
    assert f"{address}?draft" in mail.email_message().body
    shown = edda.get("/admin/").content.decode()
    assert f'href="{address}?draft"' in shown

    revisions.draft_of(procedure).delete()
    assert "did not go live" not in edda.get("/admin/").content.decode()


@pytest.mark.parametrize("left", ["left", "without an address", "nobody"])
def test_where_they_cannot_be_told_the_practice_is(procedure, editor, left):
    if left == "left":
        editor.is_active = False
    elif left == "without an address":
        editor.email = ""
    editor.save()
    a_lacking_draft(procedure, None if left == "nobody" else editor)

    scheduling.publish_due()

    assert Email.objects.get().to == ["hello@example.com"]


def test_a_page_that_goes_live_is_nobody_s_mail(procedure, edda):
    Procedure.objects.update(status="scheduled", publish_at=timezone.now())

    assert scheduling.publish_due() == 1
    assert not Email.objects.exists()
    assert "did not go live" not in edda.get("/admin/").content.decode()


def test_the_history_keeps_that_it_was_refused_and_can_still_restore(schedule, edda, procedure):
    schedule()
    history = edda.get(f"/admin/procedures/procedure/{procedure.pk}/history/").content.decode()

    assert "Not published: " in history

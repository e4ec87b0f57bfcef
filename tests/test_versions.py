"""Drafts, previews, schedules and history of a page, through the admin as an editor uses them."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from practice.editing import revisions, scheduling
from practice.models import OldAddress, Revision
from practice.publishing import Publishable

pytestmark = pytest.mark.django_db


@pytest.fixture
def editing(signed_in, editor, procedure):
    """(client of an editor, the procedure's change address)."""
    address = reverse("admin:procedures_procedure_change", args=[procedure.pk])
    return signed_in(editor), address


def as_sent(client, address):
    """Every field of the change form as a browser would send it back."""
    context = client.get(address).context
    data = {"seen": context["seen"]}
    for form in (
        context["adminform"].form,
        *(f for formset in context["inline_admin_formsets"] for f in formset.formset.forms),
        *(formset.formset.management_form for formset in context["inline_admin_formsets"]),
    ):
        for bound in form:
            value = bound.value()
            if value is True:
                value = "on"
            if value is None or value is False or value == "" or hasattr(value, "storage"):
                continue
            if hasattr(value, "strftime"):
                value = bound.field.widget.format_value(value)
            data[bound.html_name] = (
                [getattr(v, "pk", v) for v in value] if isinstance(value, list) else value
            )
    return data


def errors_of(response):
    """What a refused form says, to be read when a test fails."""
    formsets = [inline.formset for inline in response.context["inline_admin_formsets"]]
    return [response.context["adminform"].form.errors] + [f.errors for f in formsets]


def risks_seen_by_patients(client, procedure):
    return client.get(procedure.get_absolute_url()).content.decode()


def test_a_draft_of_a_live_page_changes_nothing_that_patients_see(editing, client, procedure):
    editor, address = editing
    data = as_sent(editor, address) | {"risks": "A newly written risk.", "_save_draft": "1"}

    response = editor.post(address, data)

    assert response.status_code == 302, errors_of(response)
    assert response["Location"] == f"{address}?draft"
    assert "A newly written risk." not in risks_seen_by_patients(client, procedure)
    assert "Breathing that gets worse" in risks_seen_by_patients(client, procedure)
    assert revisions.draft_of(procedure).by_name


def test_the_draft_form_shows_the_draft_and_saving_it_publishes(editing, client, procedure):
    editor, address = editing
    data = as_sent(editor, address) | {"risks": "A newly written risk.", "_save_draft": "1"}
    number = int(data["faqs-TOTAL_FORMS"]) - 1  # The empty row that the form offers.
    data |= {
        f"faqs-{number}-question": "Asked in the draft?",
        f"faqs-{number}-answer": "Answered in the draft.",
        f"faqs-{number}-position": "9",
    }
    assert editor.post(address, data).status_code == 302

    draft_form = as_sent(editor, f"{address}?draft")
    assert draft_form["risks"] == "A newly written risk."
    assert "Asked in the draft?" in draft_form.values()
    assert not procedure.faqs.filter(question="Asked in the draft?").exists()

    response = editor.post(f"{address}?draft", draft_form | {"_save": "1"})

    assert response.status_code == 302
    page = risks_seen_by_patients(client, procedure)
    assert "A newly written risk." in page
    assert "Asked in the draft?" in page
    assert revisions.draft_of(procedure) is None


def buttons(response):
    return re.findall('<input type="submit" name="(_[^"]+)" value="([^"]+)"', shown(response))


def shown(response):
    return response.content.decode()


LIVE = [("_save_draft", "Keep as draft"), ("_save", "Publish changes")]


def test_of_a_live_page_the_buttons_say_which_changes_what_patients_read(editing):
    editor, address = editing

    # Enter presses the first one. They stand above the fields and below.
    row = [*LIVE, ("_continue", "Publish and go on editing")]
    assert buttons(editor.get(address)) == row * 2

    editor.post(address, as_sent(editor, address) | {"risks": "New.", "_save_draft": "1"})
    in_draft = editor.get(f"{address}?draft")
    assert ("_save", "Publish this draft") in buttons(in_draft)
    assert "until you press “Publish this draft”" in shown(in_draft)


def test_a_refused_form_of_a_live_page_keeps_its_buttons(editing):
    editor, address = editing
    refused = as_sent(editor, address) | {"status": "draft", "name": "", "_save": "1"}

    assert buttons(editor.post(address, refused))[:2] == LIVE


def test_of_a_page_that_nobody_sees_nothing_says_publish(editing, procedure):
    editor, address = editing
    procedure.unschedule()

    assert ("_save", "Save") in buttons(editor.get(address))
    assert "Publish" not in str(buttons(editor.get(address)))


def test_a_form_lists_its_parts_and_every_link_leads_somewhere(editing):
    editor, address = editing
    page = shown(editor.get(address))
    links = set(re.findall('<li><a href="#([^"]+)">', page))

    assert {"id_risks", "sources-heading", "fieldset-0-1-heading"} <= links
    assert [each for each in links if f'id="{each}"' not in page] == []


def test_a_preview_shows_the_draft_to_editors_only(editing, client, procedure):
    editor, address = editing
    data = as_sent(editor, address) | {"risks": "Only in the draft.", "_save_draft": "1"}
    editor.post(address, data)
    preview = f"{procedure.get_absolute_url()}?preview"

    shown = editor.get(preview)

    assert "Only in the draft." in shown.content.decode()
    assert "noindex" in shown["X-Robots-Tag"]
    assert "no-store" in shown["Cache-Control"]
    assert client.get(preview).status_code == 404
    assert "Only in the draft." not in risks_seen_by_patients(client, procedure)


def test_an_unpublished_page_can_be_previewed_and_stays_unpublished(editing, client, procedure):
    editor, _ = editing
    type(procedure).objects.filter(pk=procedure.pk).update(status=Publishable.Status.DRAFT)

    assert editor.get(f"{procedure.get_absolute_url()}?preview").status_code == 200
    assert client.get(procedure.get_absolute_url()).status_code == 404
    procedure.refresh_from_db()
    assert procedure.status == Publishable.Status.DRAFT


def test_a_timed_draft_goes_live_at_its_time_through_the_worker(editing, client, procedure):
    editor, address = editing
    at = timezone.now() + timedelta(hours=2)
    data = as_sent(editor, address) | {
        "risks": "Live from its time on.",
        "status": "scheduled",
        "publish_at": f"{timezone.localtime(at, timezone.get_default_timezone()):%Y-%m-%dT%H:%M}",
        "_save_draft": "1",
    }
    response = editor.post(address, data)
    assert response.status_code == 302, errors_of(response)
    draft = revisions.draft_of(procedure)
    assert draft.publish_at is not None

    assert scheduling.publish_due(draft.publish_at - timedelta(seconds=1)) == 0
    assert "Live from its time on." not in risks_seen_by_patients(client, procedure)
    assert scheduling.publish_due(draft.publish_at) == 1
    assert "Live from its time on." in risks_seen_by_patients(client, procedure)


def test_a_scheduled_page_goes_through_the_gate_at_its_time(client, procedure):
    at = timezone.now()
    rows = type(procedure).objects.filter(pk=procedure.pk)
    rows.update(status=Publishable.Status.SCHEDULED, publish_at=at)

    assert scheduling.publish_due(at) == 1
    procedure.refresh_from_db()
    assert procedure.status == Publishable.Status.PUBLISHED

    rows.update(status=Publishable.Status.SCHEDULED, publish_at=at, risks="")
    assert scheduling.publish_due(at) == 0
    procedure.refresh_from_db()
    assert procedure.status == Publishable.Status.DRAFT
    assert client.get(procedure.get_absolute_url()).status_code == 404


def test_a_timed_draft_without_risks_is_refused_and_says_why(procedure):
    content = revisions.snapshot(procedure)
    content[0]["fields"]["risks"] = ""
    draft = revisions.keep_draft(procedure, content, publish_at=timezone.now())

    assert scheduling.publish_due() == 0

    draft.refresh_from_db()
    procedure.refresh_from_db()
    assert "risks" in draft.note
    assert draft.publish_at is None
    assert procedure.risks


def test_history_says_who_changed_what_and_restores_it(editing, procedure):
    editor, address = editing
    before = procedure.risks
    revisions.keep(procedure)
    data = as_sent(editor, address) | {"risks": "Quite different now."}
    assert editor.post(address, data | {"_save": "1"}).status_code == 302
    first = Revision.objects.of(procedure).last()

    history = editor.get(reverse("admin:procedures_procedure_history", args=[procedure.pk]))
    assert "<ins>Quite different now.</ins>" in history.content.decode()

    restore = reverse("admin:procedures_procedure_restore", args=[procedure.pk, first.pk])
    assert editor.get(restore).status_code == 405
    editor.post(restore)
    procedure.refresh_from_db()
    assert procedure.risks == before


def test_saving_without_a_change_is_no_new_version(editing, procedure):
    editor, address = editing
    procedure.risks = "- One.\n- Two.\n\nAnd more."
    procedure.save()
    data = as_sent(editor, address)
    data |= {"risks": data["risks"].replace("\n", "\r\n"), "_save": "1"}

    assert editor.post(address, data).status_code == 302

    was = procedure.content_version
    procedure.refresh_from_db()
    assert procedure.content_version == was
    assert procedure.risks == "- One.\n- Two.\n\nAnd more."
    assert Revision.objects.of(procedure).count() == 1


def test_white_space_is_no_difference():
    def content(text):
        row = {"model": "practice.location", "pk": "1", "fields": {"summary": text}}
        return [row]

    assert revisions.differences(content("one  two\r\n"), content("one two")) == []
    assert revisions.differences(content("one two"), content("one three"))


def test_restoring_a_version_that_hides_the_risks_is_refused_on_a_live_page(editing, procedure):
    editor, _ = editing
    content = revisions.snapshot(procedure)
    content[0]["fields"]["risks"] = ""
    bad = revisions._store(procedure, content, None)

    editor.post(reverse("admin:procedures_procedure_restore", args=[procedure.pk, bad.pk]))

    procedure.refresh_from_db()
    assert procedure.risks


def test_a_changed_slug_leaves_a_redirect_and_a_chain_stays_one_hop(client, procedure):
    first = procedure.get_absolute_url()
    for slug in ("second-name", "third-name"):
        procedure.slug = slug
        procedure.save()

    response = client.get(first)

    assert response.status_code == 301
    assert response["Location"] == "/procedures/third-name/"
    assert OldAddress.objects.count() == 2


def test_a_withdrawn_page_answers_410_with_a_way_on(client, procedure):
    procedure.status = Publishable.Status.WITHDRAWN
    procedure.save()

    response = client.get(procedure.get_absolute_url())

    assert response.status_code == 410
    assert reverse("procedure_list") in response.content.decode()

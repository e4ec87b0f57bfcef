"""Versions and drafts that can no longer be as they say: addresses taken, pages deleted."""

from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from practice.editing import revisions, scheduling
from practice.models import Location, Revision
from practice.operations.background import JobFailed
from procedures.models import Category, Procedure
from tests.test_versions import as_sent

pytestmark = pytest.mark.django_db


@pytest.fixture
def editing(signed_in, editor, procedure):
    """(client of an editor, the procedure's change address)."""
    address = reverse("admin:procedures_procedure_change", args=[procedure.pk])
    return signed_in(editor), address


def said(response):
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def another_procedure(procedure, slug="another", **fields):
    return Procedure.objects.create(
        name=slug.title(), slug=slug, category=procedure.category, **fields
    )


def changed(page, **fields):
    """A snapshot of the page in which these fields are different."""
    content = revisions.snapshot(page)
    content[0]["fields"] |= fields
    return content


def a_due_draft(page, **fields):
    return revisions.keep_draft(page, changed(page, **fields), publish_at=timezone.now())


# --- Drafts ---------------------------------------------------------------------------------

SPOILT = {
    "its address is taken": {"slug": "another"},
    "its category is gone": {"category": "4711"},
    "it lacks the risks": {"risks": ""},
    "half a review": {"reviewed_by": "A. Reader, MD"},
    "it cannot be read": {"category": "not a number"},
}
REASONS = {
    "its address is taken": "“another” belongs to another page by now",
    "its category is gone": "Category: what it was then has been deleted",
    "it lacks the risks": "risks missing",
    "half a review": "A review needs both a reviewer and a date",
    "it cannot be read": "An error kept it from being saved",
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_draft_that_cannot_go_live_says_why_and_keeps_no_other(editing, client, procedure, name):
    # Given a draft that can no longer be made real, and another that is due after it
    editor, address = editing
    other = another_procedure(procedure)
    draft = a_due_draft(procedure, summary="Of the first draft.", **SPOILT[name])
    location = Location.objects.get()
    a_due_draft(location, parking="Of the second draft.")

    # When their time has come
    assert scheduling.publish_due() == 1

    # Then the other is live, and the first waits without a time
    location.refresh_from_db()
    assert location.parking == "Of the second draft."
    procedure.refresh_from_db()
    assert procedure.summary != "Of the first draft."
    assert procedure.slug != other.slug
    draft.refresh_from_db()
    assert draft.publish_at is None
    # And an editor who opens the page reads why
    assert REASONS[name] in draft.note
    assert REASONS[name] in editor.get(address).content.decode()
    assert scheduling.publish_due() == 0


def test_a_page_that_cannot_be_saved_keeps_no_other_and_is_reported(procedure, monkeypatch):
    Location.objects.update(status="scheduled", publish_at=timezone.now())
    Procedure.objects.update(status="scheduled", publish_at=timezone.now())

    def fail(page):
        raise ValueError("what an editor wrote")

    monkeypatch.setattr(Location, "publish", fail)
    a_due_draft(procedure, summary="Of the draft.")

    with pytest.raises(JobFailed, match="1 scheduled pages could not be published"):
        scheduling.publish_due()

    procedure.refresh_from_db()
    assert (procedure.status, procedure.summary) == ("published", "Of the draft.")


def test_a_deleted_page_takes_its_draft_along_and_leaves_its_history(procedure):
    other = another_procedure(procedure)
    revisions.keep(procedure)
    for page in (procedure, other):
        a_due_draft(page)

    Procedure.objects.filter(pk=procedure.pk).delete()

    assert Revision.objects.filter(is_draft=True).get().page == other
    assert Revision.objects.filter(is_draft=False).count() == 1


def test_a_draft_whose_page_was_deleted_by_an_earlier_version_is_cleared_away(procedure):
    draft = a_due_draft(procedure)
    Revision.objects.filter(pk=draft.pk).update(object_id=procedure.pk + 1000)
    location = Location.objects.get()
    a_due_draft(location, parking="Of the second draft.")

    assert scheduling.publish_due() == 1
    assert not Revision.objects.filter(is_draft=True).exists()


@pytest.mark.parametrize("act", ["discarded", "kept anew", "given another time"])
def test_a_draft_that_is_due_no_longer_stays_unpublished(procedure, act):
    draft = a_due_draft(procedure, summary="Of the draft.")
    if act == "discarded":
        Revision.objects.get(pk=draft.pk).delete()
    elif act == "kept anew":
        revisions.keep_draft(procedure, changed(procedure, summary="Of the later draft."))
    else:
        Revision.objects.update(publish_at=timezone.now() + timedelta(days=1))

    assert not scheduling.publish_draft(draft)

    procedure.refresh_from_db()
    assert "draft" not in procedure.summary


def test_a_draft_goes_live_without_what_was_deleted_since(procedure):
    gone, there = another_procedure(procedure, "gone"), another_procedure(procedure, "there")
    a_due_draft(procedure, related=[str(gone.pk), str(there.pk)])
    gone.delete()

    assert scheduling.publish_due() == 1
    assert list(procedure.related.all()) == [there]
    connection.check_constraints()


def test_a_draft_whose_address_was_taken_can_be_seen_and_mended(editing, client, procedure):
    editor, address = editing
    another_procedure(procedure)
    a_due_draft(procedure, slug="another", summary="Of the draft.")
    scheduling.publish_due()

    preview = editor.get(f"{procedure.get_absolute_url()}?preview")
    form = editor.get(f"{address}?draft")

    assert "Of the draft." in preview.content.decode()
    assert "Web address: “another” belongs to another page by now." in form.content.decode()
    assert form.context["adminform"].form["slug"].value() == "rhinoplasty"
    sent = as_sent(editor, f"{address}?draft") | {"slug": "mended", "_save": "1"}
    assert editor.post(f"{address}?draft", sent).status_code == 302
    assert "Of the draft." in client.get("/procedures/mended/").content.decode()
    assert revisions.draft_of(procedure) is None


# --- Restoring ------------------------------------------------------------------------------


@pytest.fixture
def restore(editing, procedure):
    """`restore(**fields)` restores a version with these fields; what the editor is told."""
    editor, _ = editing

    def restore(page=procedure, **fields):
        version = revisions._store(page, changed(page, **fields), None)
        name = f"admin:{page._meta.app_label}_{page._meta.model_name}_restore"
        words = said(editor.post(reverse(name, args=[page.pk, version.pk])))
        connection.check_constraints()
        page.refresh_from_db()
        return words

    return restore


def test_a_version_whose_address_was_taken_is_restored_but_for_its_address(restore, procedure):
    another_procedure(procedure)

    words = restore(slug="another", risks="- The risks of then")

    assert (procedure.slug, procedure.risks) == ("rhinoplasty", "- The risks of then")
    assert "except for this" in words
    assert "Web address: “another” belongs to another page by now." in words
    assert "restore once more" in words


def test_a_version_is_restored_without_what_was_deleted_since(restore, procedure):
    gone, there = another_procedure(procedure, "gone"), another_procedure(procedure, "there")
    related = [str(gone.pk), str(there.pk)]
    gone.delete()

    words = restore(related=related, risks="- The risks of then")

    assert procedure.risks == "- The risks of then"
    assert list(procedure.related.all()) == [there]
    assert "Related: 1 was deleted and is left out." in words


def test_a_version_of_a_category_that_was_deleted_keeps_the_present_one(restore, procedure):
    gone = Category.objects.create(name="Gone", slug="gone")
    key = str(gone.pk)
    gone.delete()

    words = restore(category=key, risks="- The risks of then")

    assert (procedure.category.name, procedure.risks) == ("Nose", "- The risks of then")
    assert "Category: what it was then has been deleted." in words


def test_a_version_does_not_make_a_second_main_location(restore, location):
    second = Location.objects.create(name="Second", slug="second", street="2", city="Austin")

    words = restore(second, is_main=True, parking="Behind.")

    assert (second.is_main, second.parking) == (False, "Behind.")
    assert "Main location: Another location is already the main one." in words


def test_a_version_with_half_a_review_is_not_restored_at_all(restore, procedure):
    before = procedure.risks

    words = restore(reviewed_by="A. Reader, MD", risks="- The risks of then")

    assert (procedure.reviewed_by, procedure.risks) == ("", before)
    assert "was not restored. A review needs both a reviewer and a date." in words


def test_a_version_that_can_be_restored_as_a_whole_says_nothing_else(restore, procedure):
    assert restore(risks="- The risks of then").startswith("The page is again as in version ")
    assert procedure.risks == "- The risks of then"


def test_restoring_leaves_a_page_withdrawn_that_was_withdrawn_meanwhile(
    restore, procedure, monkeypatch
):
    """Between the moment at which the page is read and the one at which it is saved."""
    snapshots = revisions._rows

    def withdrawn_meanwhile(content):
        Procedure.objects.update(status="withdrawn")
        return snapshots(content)

    monkeypatch.setattr(revisions, "_rows", withdrawn_meanwhile)
    restore(risks="- The risks of then")

    assert (procedure.status, procedure.risks) == ("withdrawn", "- The risks of then")

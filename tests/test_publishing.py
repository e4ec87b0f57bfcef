"""When a page is live, everywhere and in every way of asking."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.http import Http404

from practice.editing import scheduling
from practice.editing.content_admin import PublishableAdmin
from practice.models import Location, OldAddress, Surgeon
from practice.publishing import Withdrawn
from procedures.models import Procedure
from tests.pages import Page

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 16, 16, tzinfo=UTC)
SECOND = timedelta(seconds=1)

# (state, its time, is live)
LIVE = {
    "a draft": ("draft", None, False),
    "a draft with a time": ("draft", NOW - SECOND, False),
    "scheduled for later": ("scheduled", NOW + SECOND, False),
    "scheduled for now": ("scheduled", NOW, True),
    "scheduled for before": ("scheduled", NOW - SECOND, True),
    "scheduled for no time": ("scheduled", None, False),
    "published": ("published", None, True),
    "published with a time left over": ("published", NOW + SECOND, True),
    "withdrawn": ("withdrawn", None, False),
    "withdrawn after its time": ("withdrawn", NOW - SECOND, False),
}


@pytest.mark.parametrize(("status", "publish_at", "is_live"), LIVE.values(), ids=LIVE.keys())
def test_the_page_and_the_list_agree_on_what_is_live(
    procedure, client, time_machine, status, publish_at, is_live
):
    time_machine.move_to(NOW, tick=False)
    for page in (procedure, *Surgeon.objects.all(), *Location.objects.all()):
        type(page).objects.filter(pk=page.pk).update(status=status, publish_at=publish_at)
        page.refresh_from_db()

        assert page.is_live is is_live
        assert type(page).objects.published().exists() is is_live
        response = client.get(page.get_absolute_url())
        assert (response.status_code == 200) is is_live
        assert response.status_code in (200, 404, 410)


ANSWERS = {
    "nothing": (None, Http404),
    "a draft": ({"status": "draft"}, Http404),
    "scheduled for later": ({"status": "scheduled", "publish_at": NOW + SECOND}, Http404),
    "withdrawn": ({"status": "withdrawn"}, Withdrawn),
    "published": ({"status": "published"}, None),
    "scheduled for now": ({"status": "scheduled", "publish_at": NOW}, None),
}


@pytest.mark.parametrize(("fields", "error"), ANSWERS.values(), ids=ANSWERS.keys())
def test_what_is_found_at_an_address(location, time_machine, fields, error):
    time_machine.move_to(NOW, tick=False)
    if fields is None:
        Location.objects.all().delete()
    else:
        Location.objects.update(**fields)
    for status in ("published", "withdrawn"):
        Location.objects.create(name=status, slug=status, status=status)
    pages, here = Location.objects.all(), Location.objects.filter(slug=location.slug)

    for look in (lambda: pages.live(location.slug), lambda: Location.live_one_of(list(here))):
        if error:
            with pytest.raises(error):
                look()
        else:
            assert look() == location


def test_a_scheduled_page_goes_live_by_its_time_alone(procedure, client, time_machine):
    time_machine.move_to(NOW, tick=False)
    procedure.status, procedure.publish_at = "scheduled", NOW + timedelta(hours=1)
    procedure.save()
    address = procedure.get_absolute_url()

    assert client.get(address).status_code == 404
    assert address not in Page(client.get("/procedures/")).links

    time_machine.shift(timedelta(hours=1))

    assert client.get(address).status_code == 200
    assert address in Page(client.get("/procedures/")).links


def test_publishing_needs_every_required_part_and_names_each(category):
    procedure = Procedure.objects.create(name="New", slug="new", category=category)

    with pytest.raises(ValidationError) as refused:
        procedure.publish()

    fields = [message.split(":")[0] for message in refused.value.messages]
    assert fields == ["alternatives", "risks", "when_to_get_help", "sources"]
    assert Procedure.objects.get().status == "draft"


def test_publishing_takes_effect_at_once_and_remembers_the_first_time(procedure, time_machine):
    Procedure.objects.update(status="scheduled", publish_at=NOW, first_published_at=None)
    procedure.refresh_from_db()

    time_machine.move_to(NOW, tick=False)
    procedure.publish()
    time_machine.shift(timedelta(days=1))
    procedure.status = "withdrawn"
    procedure.save()
    procedure.publish()

    stored = Procedure.objects.get()
    assert (stored.status, stored.publish_at) == ("published", None)
    assert stored.first_published_at == NOW


def test_a_draft_has_no_first_time_and_no_address_that_anybody_knows(category):
    procedure = Procedure.objects.create(name="New", slug="new", category=category)

    procedure.slug = "newer"
    procedure.save()

    assert procedure.first_published_at is None
    assert not OldAddress.objects.exists()


def test_a_page_that_was_live_once_keeps_its_address_though_it_is_a_draft_again(procedure):
    procedure.unschedule()
    procedure.slug = "newer"
    procedure.save(update_fields=["slug"])

    assert OldAddress.objects.get().path == "/procedures/rhinoplasty/"


def test_the_address_that_is_remembered_is_the_page_s_own(pages):
    _, second = pages
    second.slug = "newer"
    second.save()

    assert OldAddress.objects.get().path == "/procedures/septoplasty/"


def test_a_new_version_has_the_next_number_and_its_moment(procedure, time_machine):
    time_machine.move_to(NOW, tick=False)
    procedure.begin_new_version()
    procedure.save(update_fields=Procedure.VERSION)

    stored = Procedure.objects.get()
    assert (stored.content_version, stored.content_changed_at) == (2, NOW)


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"status": "scheduled", "publish_at": None}, {"publish_at"}),
        ({"reviewed_by": "Dr. A. Reader, MD"}, {"last_reviewed"}),
        ({"last_reviewed": date(2026, 1, 1)}, {"reviewed_by"}),
        ({"status": "scheduled", "reviewed_by": "A"}, {"publish_at", "last_reviewed"}),
        ({"reviewed_by": "A", "last_reviewed": date(2026, 1, 1)}, set()),
        ({"status": "scheduled", "publish_at": NOW}, set()),
        ({}, set()),
    ],
)
def test_half_a_review_or_a_schedule_without_a_time_is_refused(location, fields, at_fault):
    for name, value in fields.items():
        setattr(location, name, value)

    try:
        location.clean()
        found = set()
    except ValidationError as refused:
        found = set(refused.message_dict)

    assert found == at_fault


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Not medically reviewed"),
        (
            {"reviewed_by": "A. Reader, MD", "last_reviewed": date(2026, 3, 1)},
            "Medically reviewed by A. Reader, MD on March 1, 2026",
        ),
        ({"reviewed_by": "A. Reader, MD"}, "Not medically reviewed"),
        ({"last_reviewed": date(2026, 3, 1)}, "Not medically reviewed"),
    ],
    ids=["by nobody", "by somebody", "on no day", "by nobody on a day"],
)
def test_a_page_says_who_reviewed_it_or_that_nobody_did(procedure, client, fields, words):
    Procedure.objects.update(**fields)

    assert words.lower() in Page(client.get(procedure.get_absolute_url())).text.lower()


# --- An editor saves while somebody publishes or withdraws ------------------------------------


@pytest.fixture
def pages(procedure, category):
    """Two published procedures, in the order in which a list of them is worked through."""
    other = Procedure.objects.create(
        name="Septoplasty", slug="septoplasty", category=category, position=1, status="published"
    )
    for name in ("alternatives", "risks", "when_to_get_help"):
        setattr(other, name, "Words.")
    other.sources.create(title="Where it comes from")
    other.save()
    return procedure, other


BECOMES = {"publish": "published", "withdraw": "withdrawn", "unschedule": "draft"}


@pytest.mark.parametrize("verb", BECOMES)
def test_what_was_saved_since_the_page_was_read_stays(procedure, verb):
    read_earlier = Procedure.objects.get()
    Procedure.objects.update(
        risks="- A risk that was added", content_version=7, slug="new-nose", publish_at=NOW
    )

    getattr(read_earlier, verb)()

    stored = Procedure.objects.get()
    assert (stored.risks, stored.content_version) == ("- A risk that was added", 7)
    assert stored.slug == "new-nose"
    assert (stored.status, stored.publish_at) == (BECOMES[verb], None)
    assert not OldAddress.objects.filter(path="/procedures/new-nose/").exists()


def test_the_gate_judges_what_goes_live_and_not_what_was_read(procedure):
    Procedure.objects.update(status="draft")
    read_earlier = Procedure.objects.get()
    Procedure.objects.update(risks="")

    with pytest.raises(ValidationError, match="risks"):
        read_earlier.publish()

    assert Procedure.objects.get().status == "draft"


def test_a_page_that_is_saved_in_part_leads_no_address_back(procedure):
    read_earlier = Procedure.objects.get()
    procedure.slug = "new-nose"
    procedure.save()

    read_earlier.begin_new_version()
    read_earlier.save(update_fields=["content_version", "content_changed_at"])

    assert dict(OldAddress.objects.values_list("path", "leads_to")) == {
        "/procedures/rhinoplasty/": "/procedures/new-nose/"
    }


def test_saving_the_state_alone_remembers_the_first_time(category):
    page = Procedure.objects.create(name="New", slug="new", category=category)
    page.status = "published"
    page.save(update_fields=["status"])

    assert Procedure.objects.get().first_published_at is not None


@pytest.mark.parametrize(("action", "status"), [("publish", "draft"), ("withdraw", "published")])
def test_an_edit_during_a_bulk_action_stays(pages, editor, signed_in, monkeypatch, action, status):
    first, second = pages
    Procedure.objects.update(status=status)
    log_change = PublishableAdmin.log_change

    def edited_meanwhile(admin, request, page, words):
        if page.pk == first.pk:
            Procedure.objects.filter(pk=second.pk).update(risks="- A risk that was added")
        return log_change(admin, request, page, words)

    monkeypatch.setattr(PublishableAdmin, "log_change", edited_meanwhile)
    chosen = {"action": action, "_selected_action": [first.pk, second.pk], "index": 0}
    signed_in(editor).post("/admin/procedures/procedure/", chosen)

    second.refresh_from_db()
    assert second.risks == "- A risk that was added"
    assert second.status != status


@pytest.mark.parametrize(("action", "status"), [("publish", "draft"), ("withdraw", "published")])
def test_a_page_that_is_deleted_during_a_bulk_action_stays_deleted(
    pages, editor, signed_in, monkeypatch, action, status
):
    first, second = pages
    Procedure.objects.update(status=status)
    log_change = PublishableAdmin.log_change

    def deleted_meanwhile(admin, request, page, words):
        Procedure.objects.filter(pk=second.pk).delete()
        return log_change(admin, request, page, words)

    monkeypatch.setattr(PublishableAdmin, "log_change", deleted_meanwhile)
    chosen = {"action": action, "_selected_action": [first.pk, second.pk], "index": 0}
    response = signed_in(editor).post("/admin/procedures/procedure/", chosen)

    assert response.status_code == 302
    assert Procedure.objects.get().pk == first.pk


# --- An editor changes a page while the worker publishes what is due --------------------------


@pytest.fixture
def due(pages, monkeypatch):
    """`due(**fields)`: two pages are due, and the second gets the fields once the first is live."""

    def due(**fields):
        _, second = pages
        Procedure.objects.update(status="scheduled", publish_at=NOW)
        publish = Procedure.publish

        def changed_meanwhile(page):
            publish(page)
            Procedure.objects.filter(pk=second.pk).update(**fields)

        monkeypatch.setattr(Procedure, "publish", changed_meanwhile)
        published = scheduling.publish_due(NOW)
        second.refresh_from_db()
        return published, second

    return due


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "withdrawn", "publish_at": None},
        {"status": "draft", "publish_at": None},
        {"publish_at": NOW + timedelta(days=1)},
    ],
    ids=["withdrawn", "a draft again", "later"],
)
def test_a_page_that_is_due_no_longer_is_left_as_it_is(due, fields):
    published, second = due(**fields)

    assert published == 1
    assert {name: getattr(second, name) for name in fields} == fields


def test_a_page_that_the_gate_refuses_at_its_time_keeps_what_was_saved_meanwhile(due):
    published, second = due(risks="", summary="Written meanwhile.")

    assert published == 1
    assert (second.status, second.summary) == ("draft", "Written meanwhile.")

"""What time alone changes, what is taken away, and what must never be seen."""

import itertools
import re
import threading
from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections, models, transaction
from django.utils import timezone

from practice.caching.content_version import content_models
from practice.editing import revisions
from practice.models import Closure, Location, Practice, Surgeon
from practice.page_cache import PageCache
from procedures.models import BeforeAfterCase, Procedure
from tests.full_practice import HOME, LOCATION, PROCEDURE, PROCEDURES, shown
from tests.wsgi_visitor import ask

pytest_plugins = ["tests.full_practice"]
pytestmark = pytest.mark.django_db(transaction=True)


# --- By time alone ----------------------------------------------------------------------------


@pytest.fixture
def clock():
    with time_machine.travel(datetime(2026, 3, 2, 12, tzinfo=UTC), tick=False) as traveller:
        yield traveller


def test_a_scheduled_page_is_there_from_its_very_second(content, elsewhere, clock):
    goes_live = timezone.now() + timedelta(hours=1)
    Procedure.objects.filter(slug="browlift").update(status="scheduled", publish_at=goes_live)
    assert "Browlift" not in elsewhere(PROCEDURES).text

    clock.move_to(goes_live - timedelta(microseconds=1))
    assert "Browlift" not in elsewhere(PROCEDURES).text
    assert elsewhere("/procedures/browlift/").status == 404
    clock.move_to(goes_live)
    assert "Browlift" in elsewhere(PROCEDURES).text
    assert elsewhere("/procedures/browlift/").status == 200


@pytest.mark.parametrize("model", [Location, Surgeon])
def test_so_are_scheduled_places_and_surgeons(content, elsewhere, clock, model):
    goes_live = timezone.now() + timedelta(seconds=30)
    slug = {Location: "branch", Surgeon: "uma"}[model]
    model.objects.filter(slug=slug).update(status="scheduled", publish_at=goes_live)
    before = elsewhere(HOME).text

    clock.move_to(goes_live)

    assert elsewhere(HOME).text != before


def test_of_two_scheduled_pages_each_comes_at_its_own_time(content, elsewhere, clock):
    times = {"browlift": 10, "septoplasty": 20}
    for slug, minutes in times.items():
        goes_live = timezone.now() + timedelta(minutes=minutes)
        Procedure.objects.filter(slug=slug).update(status="scheduled", publish_at=goes_live)

    seen = []
    for _ in range(3):
        text = elsewhere(PROCEDURES).text
        seen.append([name for name in ("Browlift", "Septoplasty") if name in text])
        clock.shift(timedelta(minutes=10))

    assert seen == [[], ["Browlift"], ["Browlift", "Septoplasty"]]


def test_a_consent_that_runs_out_takes_its_case_away_at_midnight(content, elsewhere, clock):
    day = timezone.localdate() + timedelta(days=1)
    BeforeAfterCase.objects.update(consent_signed_on=date(2026, 1, 1), consent_expires_on=day)
    midnight = datetime.combine(day, time(), Practice.current().zone)
    clock.move_to(midnight - timedelta(seconds=1))
    assert "Before and after" in elsewhere(PROCEDURE).text

    clock.move_to(midnight)

    assert "Before and after" not in elsewhere(PROCEDURE).text


def test_a_closure_that_is_over_is_gone_the_next_day(content, elsewhere, clock):
    Closure.objects.filter(reason="Holiday").update(
        first_day=date(2026, 3, 3), last_day=date(2026, 3, 3)
    )
    midnight = datetime(2026, 3, 4, tzinfo=Practice.current().zone)
    clock.move_to(midnight - timedelta(seconds=1))
    assert "Holiday" in elsewhere(LOCATION).text

    clock.move_to(midnight)

    assert "Holiday" not in elsewhere(LOCATION).text


@pytest.mark.parametrize(
    ("zone", "hour"), [("Pacific/Auckland", 11), ("UTC", 0), ("Pacific/Honolulu", 10)]
)
def test_days_end_where_the_practice_is(content, elsewhere, clock, zone, hour):
    """The last day is March 3; in Auckland it ends before UTC's day has."""
    Practice.objects.update(time_zone=zone)
    Closure.objects.filter(reason="Holiday").update(
        first_day=date(2026, 3, 3), last_day=date(2026, 3, 3)
    )
    ends = datetime(2026, 3, 3 if zone == "Pacific/Auckland" else 4, hour, tzinfo=UTC)
    clock.move_to(ends - timedelta(seconds=1))
    assert "Holiday" in elsewhere(LOCATION).text

    clock.move_to(ends)

    assert "Holiday" not in elsewhere(LOCATION).text


def test_a_moment_that_an_edit_adds_is_not_missed_by_a_page_that_was_made_before(
    content, elsewhere, clock
):
    """Afterwards the edition ends at midnight again, as it did when the page was made."""
    assert "Browlift" in elsewhere(PROCEDURES).text
    Procedure.objects.filter(slug="browlift").update(status="draft")
    before = elsewhere(PROCEDURES).text
    goes_live = timezone.now() + timedelta(hours=1)
    Procedure.objects.filter(slug="browlift").update(status="scheduled", publish_at=goes_live)

    clock.move_to(goes_live)
    Procedure.objects.filter(slug="septoplasty").update(photo_views="Front")

    assert "Browlift" not in before
    assert "Browlift" in elsewhere(PROCEDURES).text


def test_every_moment_in_the_content_either_changes_pages_or_is_known_not_to():
    """Days change pages at midnight, which every edition ends with."""
    harmless = {"first_published_at", "content_changed_at", "changed_at"}
    for model in content_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, models.DateTimeField) and field.name not in harmless:
                assert field.name in getattr(model, "CHANGES_AT", ()), (
                    f"Add {field.name} to {model.__name__}.CHANGES_AT, or to this list."
                )


# --- Taken away -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "end",
    [{"consent_revoked_on": date(2026, 1, 2)}, {"consent_covers_web": False}, {"is_shown": False}],
)
def test_a_revoked_consent_takes_page_and_every_size_of_the_pictures_at_once(
    content, elsewhere, end
):
    case = BeforeAfterCase.objects.get(position=0)
    BeforeAfterCase.objects.exclude(pk=case.pk).delete()
    pictures = set(re.findall(r"/media/cases/[\w.-]+", elsewhere(PROCEDURE).text))
    pictures |= {f"/media/{case.before.name}", f"/media/{case.after.name}"}
    assert len(pictures) >= 8
    assert {elsewhere(picture).status for picture in pictures} == {200}

    BeforeAfterCase.objects.update(**end)

    assert not re.search(r"/media/cases/", elsewhere(PROCEDURE).text)
    assert {elsewhere(picture).status for picture in pictures} == {404}


def test_a_withdrawn_page_is_gone_at_once_and_so_is_its_card(content, elsewhere):
    assert elsewhere(PROCEDURE).status == 200
    assert elsewhere("/social/procedures/rhinoplasty.png").status == 200

    page = Procedure.objects.get(slug="rhinoplasty")
    page.status = "withdrawn"
    page.save()

    assert elsewhere(PROCEDURE).status == 410
    assert elsewhere("/social/procedures/rhinoplasty.png").status == 410


def test_a_page_that_moved_redirects_at_once_and_back(content, elsewhere):
    assert elsewhere(PROCEDURE).status == 200
    page = Procedure.objects.get(slug="rhinoplasty")
    page.slug = "nose-surgery"
    page.save()

    moved = elsewhere(PROCEDURE)

    assert (moved.status, moved["Location"]) == (301, "/procedures/nose-surgery/")
    page.slug = "rhinoplasty"
    page.save()
    assert elsewhere(PROCEDURE).status == 200


def test_a_draft_leaks_nothing(content, elsewhere):
    page = Procedure.objects.get(slug="rhinoplasty")
    before = shown(elsewhere)
    with transaction.atomic():
        Procedure.objects.filter(pk=page.pk).update(summary="Words of a draft.")
        page.faqs.create(question="A question of a draft?", answer="Yes.")
        draft = revisions.snapshot(Procedure.objects.get(pk=page.pk))
        transaction.set_rollback(True)
    revisions.keep_draft(page, draft)

    with revisions.pretend(page, revisions.draft_of(page)):
        assert shown(elsewhere) == before
    assert shown(elsewhere) == before


# --- Readers and writers at once --------------------------------------------------------------


def test_nobody_gets_an_older_page_once_an_edit_was_saved(content):
    """One writer, six readers, two servers: a page is never older than the last saved edit."""
    servers = [PageCache(WSGIHandler()), PageCache(WSGIHandler())]
    saved, too_old, reads, is_over = [0], [], [0], threading.Event()

    def read(server):
        while not is_over.is_set():
            at_least = saved[0]
            number = int(re.search(r"Edit (\d+)\.", ask(server, PROCEDURES).text)[1])
            reads[0] += 1
            if number < at_least:
                too_old.append((number, at_least))
        connections.close_all()

    procedure = Procedure.objects.get(slug="browlift")
    procedure.summary = "Edit 0."
    procedure.save()
    readers = [threading.Thread(target=read, args=(servers[n % 2],)) for n in range(6)]
    for reader in readers:
        reader.start()
    for number in itertools.count(1):
        with transaction.atomic():
            Procedure.objects.filter(slug="browlift").update(summary=f"Edit {number}.")
        saved[0] = number
        if number >= 30 and reads[0] >= 100:
            break
    is_over.set()
    for reader in readers:
        reader.join()

    assert too_old == []

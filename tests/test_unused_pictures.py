"""Pictures that nothing shows any more are deleted; whatever could be shown again stays."""

import io
from datetime import timedelta

import pytest
import time_machine
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.core.management import CommandError, call_command
from django.utils import timezone

from practice import environment
from practice.backups import files
from practice.editing import revisions
from practice.management.commands.run_worker import JOBS
from practice.media import renditions, stored_files, unused_pictures
from procedures.models import BeforeAfterCase
from tests import picture_files
from tests.backups import use_folders
from tests.object_store import an_object_store
from tests.whole_site import add_case

pytestmark = pytest.mark.django_db
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture(scope="module")
def server():
    with an_object_store() as server:
        server.wait()
        yield server


@pytest.fixture(params=["folders", "bucket"])
def media(request, settings, tmp_path):
    """Storages of this test's own: in folders, and in a bucket."""
    use_folders(settings, tmp_path)
    if request.param == "bucket":
        server = request.getfixturevalue("server")
        server.empty()
        settings.STORAGES = settings.STORAGES | stored_files.storages(
            environment.bucket(server.url, servers=1, is_shared=False),
            private_root="/dev/null/nowhere",
            media_url=settings.MEDIA_URL,
        )


@pytest.fixture
def in_folders(settings, tmp_path):
    use_folders(settings, tmp_path)


@pytest.fixture
def procedure(procedure):
    """One whose page shows no picture yet."""
    procedure.diagram.delete()
    return procedure


def a_picture(colour="red", size=(1000, 500)):
    return ContentFile(picture_files.plain(size, colour), "picture.jpg")


def show(procedure, colour):
    """Puts a picture on the page; its name and those of all its sizes."""
    procedure.hero, procedure.hero_alt = a_picture(colour), "A room."
    procedure.save()
    return family(procedure.hero.name)


def family(original):
    return {name for name in there() if renditions.original_of(name) == original}


def there(alias="default"):
    return set(files.store(alias).names())


def delete_after(age, **options):
    with time_machine.travel(timezone.now() + age):
        return unused_pictures.delete_unused(**options)


# --- What goes --------------------------------------------------------------------------------


def test_an_exchanged_picture_goes_with_all_its_sizes_once_a_week_has_passed(media, procedure):
    old = show(procedure, "red")
    new = show(procedure, "blue")
    assert len(old) == len(new) == 7

    assert delete_after(7 * DAY - HOUR) == 0
    assert there() >= old

    assert delete_after(7 * DAY + HOUR) == 7
    assert there() == new


def test_the_pictures_of_a_deleted_case_go_at_the_next_run(media, procedure):
    show(procedure, "red")
    case, other = add_case(procedure), add_case(procedure, size=(501, 600))
    of_case = family(case.before.name) | family(case.after.name)
    case.delete()

    assert delete_after(timedelta(minutes=50)) == 0, "Its row could still be on its way."
    assert delete_after(2 * HOUR) == len(of_case) > 2
    assert not of_case & there()
    assert family(other.before.name)


def test_a_picture_of_a_case_that_was_exchanged_goes_as_well(in_folders, procedure):
    case = add_case(procedure)
    before, after = family(case.before.name), family(case.after.name)
    case.before = a_picture("green")
    case.save()

    delete_after(2 * HOUR)

    assert not before & there()
    assert after | family(case.before.name) == there()


def test_a_drawing_that_was_removed_goes(in_folders, procedure):
    show(procedure, "red")
    procedure.diagram.save("nose.svg", ContentFile(b"<svg/>"))
    name = procedure.diagram.name
    procedure.diagram = ""
    procedure.save()

    assert delete_after(8 * DAY) == 1
    assert name not in there()


# --- What stays -------------------------------------------------------------------------------


def test_what_a_row_names_stays_however_old(media, procedure, surgeon):
    show(procedure, "red")
    surgeon.portrait, surgeon.portrait_alt = a_picture("green", (400, 400)), "A face."
    surgeon.save()
    procedure.diagram.save("nose.svg", ContentFile(b"<svg/>"))
    case = add_case(procedure)
    BeforeAfterCase.objects.filter(pk=case.pk).update(
        is_shown=False, consent_revoked_on=timezone.localdate()
    )
    before = there()

    assert delete_after(1000 * DAY) == 0
    assert there() == before


def test_a_picture_of_an_earlier_version_stays_as_long_as_that_can_be_restored(
    in_folders, procedure
):
    old = show(procedure, "red")
    version = revisions.keep(procedure)
    new = show(procedure, "blue")

    assert delete_after(1000 * DAY) == 0

    version.delete()
    assert delete_after(1000 * DAY) == len(old)
    assert there() == new


def test_a_picture_of_a_draft_stays_until_the_draft_goes(in_folders, procedure):
    shown = show(procedure, "red")
    with_another = show(procedure, "blue")
    draft = revisions.keep_draft(procedure, revisions.snapshot(procedure))
    type(procedure).objects.filter(pk=procedure.pk).update(hero=next(iter(shown & originals())))

    assert delete_after(1000 * DAY) == 0
    assert there() == shown | with_another

    draft.delete()
    assert delete_after(1000 * DAY) == len(with_another)
    assert there() == shown


def originals():
    return {name for name in there() if renditions.original_of(name) == name}


def test_patients_photographs_and_what_somebody_put_there_by_hand_are_left_alone(media, procedure):
    show(procedure, "red")
    storages["private"].save("0123.enc", ContentFile(b"sealed"))
    default_storage.save("brochure.pdf", ContentFile(b"by hand"))
    default_storage.save("downloads/brochure.pdf", ContentFile(b"by hand"))

    assert delete_after(1000 * DAY) == 0
    assert there("private") == {"0123.enc"}
    assert {"brochure.pdf", "downloads/brochure.pdf"} <= there()


def test_a_database_that_names_no_picture_deletes_none(in_folders, procedure):
    """That of another site, or a new one that a backup is still to be restored into."""
    show(procedure, "red")
    type(procedure).objects.update(hero="")
    before = there()

    with (
        time_machine.travel(timezone.now() + 30 * DAY),
        pytest.raises(CommandError, match="names none: nothing was deleted"),
    ):
        call_command("delete_unused_pictures")

    assert there() == before


# --- How it is run ----------------------------------------------------------------------------


def test_a_dry_run_names_the_files_and_deletes_none(in_folders, procedure):
    old = show(procedure, "red")
    show(procedure, "blue")
    before, out = there(), io.StringIO()

    with time_machine.travel(timezone.now() + 8 * DAY):
        call_command("delete_unused_pictures", dry_run=True, stdout=out)
    assert set(out.getvalue().splitlines()[:-1]) == old
    assert "7 files would be deleted" in out.getvalue()
    assert there() == before

    with time_machine.travel(timezone.now() + 8 * DAY):
        call_command("delete_unused_pictures", stdout=out)
    assert "7 files were deleted" in out.getvalue()


def test_it_stops_when_asked_and_goes_on_the_next_time(in_folders, procedure):
    old = show(procedure, "red")
    new = show(procedure, "blue")

    assert delete_after(8 * DAY, goes_on=lambda: False) == 1
    assert delete_after(8 * DAY) == len(old) - 1
    assert there() == new


def test_a_site_without_any_picture_has_nothing_to_delete(media, procedure):
    assert delete_after(8 * DAY) == 0


def test_the_worker_does_it_every_day():
    (job,) = (job for job in JOBS if job.name == "delete unused pictures")

    assert job.rule.interval == DAY
    assert job.in_steps

"""A restore that is killed at its worst moments: rows and files belong together afterwards, and
nobody who was erased is back, not even for a moment."""

import itertools
import json

import pytest

from tests.backups import a_site_with_keys, back_up
from tests.processes import visit
from tests.restore_moments import (
    AND_STAYS_AWAY,
    BACKUP,
    EVERYTHING,
    FAILS_TO_MIGRATE,
    LEFT_OVERS,
    LOST,
    PEOPLE,
    REFUSES_TO_DELETE,
    RESTORE,
    SINCE,
    TWO_AT_ONCE,
    UPLOADS,
    WORKER,
)

pytestmark = pytest.mark.processes
OLDER = "0006_counted_by_arrival"


@pytest.fixture(scope="module")
def site():
    with a_site_with_keys() as site:
        site.ask(PEOPLE)
        yield site


def restore(site, path, trick=""):
    """What the command says. `trick` is done in its process before."""
    identity = str(site.folder / "identity.txt")
    return site.ask(RESTORE, path=str(path), identity=identity, trick=trick)


def is_killed(site, path, trick):
    """Whether it came so far, and did not end."""
    try:
        restore(site, path, trick)
    except AssertionError as error:
        return "Traceback" not in str(error) or pytest.fail(str(error))
    return False


def complaint(site, path, trick):
    """What the command says when it fails."""
    with pytest.raises(AssertionError) as refused:
        restore(site, path, trick)
    text = str(refused.value)
    assert "CommandError: " in text, text
    return text[text.rindex("CommandError: ") :]


@pytest.fixture(scope="module")
def made(site):
    return back_up(site)


@pytest.fixture
def since(site, made):
    """A site that went on after the backup: what is in it, and the file of who was erased."""
    site.ask("from consultations.models import ErasureReceipt as E; E.objects.all().delete()")
    restore(site, made)
    assert "Erase Me" in str(site.ask(EVERYTHING))
    site.erased = site.ask(SINCE)
    return site.ask(EVERYTHING)


def is_as(site, before):
    """Whether everything is as before, and nothing more than that is there."""
    assert before["cannot be read"] == []
    return site.ask(EVERYTHING) == before and site.ask(LEFT_OVERS) == []


def is_restored(site):
    """Whether there is what was backed up, and of nobody who was erased since anything at all."""
    now = site.ask(EVERYTHING)
    return (
        "Stays Here" in str(now["rows"])
        and not {"Erase Me", "Came Later"} & set(str(now["rows"]).split("'"))
        and not list(site.folder.glob(f"**/{site.erased}"))
        and {"default/pages/of-the-backup.webp"} <= set(now["files"])
        and "default/portraits/since.webp" not in now["files"]
        and now["cannot be read"] == []
    )


def media(site):
    """What /readyz says of the files."""
    site.serve(workers=1)
    try:
        return json.loads(visit(site, "/readyz").content)["media"]
    finally:
        site.stop()


# --- Before its one commit ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "moment",
    [
        "tables.set_last_numbers = die",  # All rows are written.
        "after_restore._erase_again = die",
        "restoring.marks.make = die",
        "os.sync = die",  # The files are swapped.
    ],
)
def test_killed_before_the_commit_nothing_was_changed(site, made, since, moment):
    assert is_killed(site, made, f"from consultations.data_rights import after_restore\n{moment}")

    assert site.ask(EVERYTHING)["rows"] == since["rows"]
    site.ask(WORKER)
    assert is_as(site, since)


@pytest.mark.once  # Files are swapped alike, whatever the database.
def test_killed_at_any_step_of_the_swap_the_files_of_before_come_back(site, made, since):
    for number in itertools.count():
        if not is_killed(site, made, f"die_at_rename({number}, 'swap')"):
            break
        assert site.ask(EVERYTHING)["rows"] == since["rows"]
        site.ask(WORKER)
        assert is_as(site, since), number
    assert number >= 9
    assert is_restored(site)


@pytest.mark.once  # Files are swapped alike, whatever the database.
def test_killed_while_that_is_put_in_order_it_is_put_in_order_the_next_time(site, made, since):
    for number in (0, 1, 3, 5, 7):
        assert is_killed(site, made, "os.sync = die")
        assert is_killed(site, made, f"die_at_rename({number}, 'undo')")
        site.ask(WORKER)
        assert is_as(site, since), number


@pytest.mark.once
@pytest.mark.parametrize("number", [1, 3, 4, 8])
def test_what_is_stored_after_that_is_not_lost(site, made, since, number):
    """Though nobody should have opened the site: a machine that starts again opens it."""
    assert is_killed(site, made, f"die_at_rename({number}, 'swap')")
    site.ask(UPLOADS)

    site.ask(WORKER)

    now = site.ask(EVERYTHING)
    assert since["files"].items() <= now["files"].items()
    assert "default/portraits/after-the-restart.webp" in now["files"]
    assert len(now["files"]) == len(since["files"]) + 2
    assert now["cannot be read"] == []
    assert site.ask(LEFT_OVERS) == []


def test_a_site_that_starts_then_says_so_and_its_worker_mends_it(site, made, since):
    assert is_killed(site, made, "os.sync = die")

    assert media(site) == "a restore was cut off: the worker puts its files in order"
    with pytest.raises(AssertionError, match="Start the worker, which puts its files in order"):
        site.ask(BACKUP, folder=str(site.folder / "backups"))
    site.manage("run_worker", "--once")

    assert media(site) == "ok"
    assert site.ask(EVERYTHING)["files"] == since["files"]


def test_run_again_it_ends_well(site, made, since):
    assert is_killed(site, made, "die_at_rename(2, 'swap')")

    said = restore(site, made)

    assert "1 requests had been erased since, and were erased again." in said
    assert is_restored(site)
    assert site.ask(LEFT_OVERS) == []


def test_two_at_once_are_refused(site, made, since):
    said = complaint(site, made, TWO_AT_ONCE)

    assert "Another restore is at work in" in said
    assert "Nothing was changed." in said
    assert is_as(site, since)


# --- After its one commit ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "moment",
    [
        "from consultations import photos\nphotos.delete_file = die",  # At once after it.
        "restoring._let_go = die",
        "die_at_rename(0, 'finish')",
        "die_at_rename(1, 'finish')",
        "die_at_rename(3, 'finish')",
        "files.shutil.rmtree = die",
    ],
)
def test_killed_after_the_commit_nobody_erased_is_back_and_the_worker_ends_it(
    site, made, since, moment
):
    assert is_killed(site, made, moment)

    assert is_restored(site)
    assert site.ask(LEFT_OVERS) != []
    site.ask(WORKER)
    assert is_restored(site)
    assert site.ask(LEFT_OVERS) == []


def test_killed_after_the_commit_the_site_is_well(site, made, since):
    assert is_killed(site, made, "restoring._let_go = die")

    assert media(site) == "ok"


@pytest.mark.once  # Files are swapped alike, whatever the database.
def test_files_of_before_that_cannot_be_deleted_are_said_with_what_is_in_place(site, made, since):
    said = complaint(site, made, REFUSES_TO_DELETE)

    assert "The backup is in place, with all that belongs to it, and you may open the site." in said
    assert "could not be deleted, patients' photographs among them" in said
    assert ".thrown-away: Permission denied. Mend that: the worker tries again" in said
    assert is_restored(site)
    with pytest.raises(AssertionError, match="left could not be put in order or deleted"):
        site.ask(REFUSES_TO_DELETE + WORKER)
    site.ask(WORKER)
    assert site.ask(LEFT_OVERS) == []


def test_stopped_after_the_commit_it_does_not_say_that_nothing_was_changed(site, made, since):
    stopped = "def stop(path): raise KeyboardInterrupt\nfiles.shutil.rmtree = stop"
    said = complaint(site, made, stopped)

    assert "The backup is in place" in said
    assert "Nothing was changed" not in said
    assert is_restored(site)


# --- A database that goes away -----------------------------------------------------------------


def test_a_connection_that_is_lost_at_the_last_moment_changes_nothing(site, made, since):
    said = complaint(site, made, LOST)

    assert "The database did not go on, or could not be reached (OperationalError)" in said
    assert "Nothing was changed. Then run the restore again." in said
    assert is_as(site, since)


def test_what_cannot_be_told_is_left_as_it_is_and_said(site, made, since):
    said = complaint(site, made, LOST + AND_STAYS_AWAY)

    assert "could not tidy up after itself. Nothing is lost" in said
    assert "Do not open the site. Mend the cause, then run the restore again, with --re" in said
    assert "Nothing was changed" not in said
    site.ask(WORKER)
    assert is_as(site, since)


# --- An older backup, which is migrated --------------------------------------------------------


@pytest.fixture(scope="module")
def older(site, made):
    """A backup that an older version made of the same people."""
    site.ask("from consultations.models import ErasureReceipt as E; E.objects.all().delete()")
    restore(site, made)
    site.manage("migrate", "consultations", OLDER, "--verbosity=0")
    path = back_up(site)
    site.manage("migrate", "--verbosity=0")
    site.erased = site.ask(SINCE)
    return path


@pytest.mark.parametrize(
    "moment",
    [
        "tables.set_last_numbers = die",
        "restoring.call_command = die",
        "after_restore._erase_again = die",
        "die_at_rename(2, 'swap')",
        "os.sync = die",
    ],
)
def test_an_older_one_that_is_killed_has_changed_nothing(site, older, moment):
    before = site.ask(EVERYTHING)
    assert is_killed(site, older, f"from consultations.data_rights import after_restore\n{moment}")

    assert site.ask(EVERYTHING)["rows"] == before["rows"]
    site.ask(WORKER)
    assert is_as(site, before)

    assert "Migrated to the state of this version." in restore(site, older)
    assert is_restored(site)


def test_an_older_one_that_is_killed_after_the_commit_is_migrated_and_nobody_is_back(site, older):
    assert is_killed(site, older, "restoring._let_go = die")

    site.manage("migrate", "--check")
    assert is_restored(site)


def test_an_older_one_that_cannot_be_migrated_changes_nothing_and_says_what_helps(site, older):
    before = site.ask(EVERYTHING)
    said = complaint(site, older, FAILS_TO_MIGRATE)

    assert "could not be brought to the state of this version of the site (RuntimeError" in said
    assert "Nothing was changed. Install the version that made the backup" in said
    assert "a patient's name" not in said
    assert is_as(site, before)

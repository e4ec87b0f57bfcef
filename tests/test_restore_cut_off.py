"""A restore that is cut off at its worst moments, and is run again."""

from contextlib import suppress

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError

from consultations import privacy
from practice.backups import files, restoring
from practice.management.commands.restore import Command
from tests.backups import backup, fill_site, restore, use_folders, write_identity
from tests.dump import places_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def site(settings, tmp_path):
    use_folders(settings, tmp_path)


@pytest.fixture
def full(a_request, procedure, coordinator, signed_in):
    return fill_site(a_request, coordinator, signed_in)


def names():
    return {alias: list(files.store(alias).names()) for alias in files.ALIASES}


class Killed(BaseException):
    pass


def kill(monkeypatch, where, name):
    """As SIGKILL at the call of `name`: no clean-up of files runs; the database rolls back."""

    def dies(*args, **kwargs):
        raise Killed

    monkeypatch.setattr(where, name, dies)
    monkeypatch.setattr(files.Folder, "undo", lambda self: None)


def test_killed_there_and_run_again_in_vain_the_files_of_before_are_not_lost(
    full, tmp_path, monkeypatch
):
    path = backup(tmp_path / "backups")
    key_file = write_identity(tmp_path)
    storages["private"].save("since.bin", ContentFile(b"a patient's photograph since"))
    before = names()
    with monkeypatch.context() as m:
        kill(m, restoring, "_compare_files")
        with pytest.raises(Killed):
            restore(path, key_file, replace=True)
    with monkeypatch.context() as m:

        def full_disk(*a):
            raise OSError(28, "No space left on device")

        m.setattr(restoring, "_fill", full_disk)
        with pytest.raises(CommandError):
            restore(path, key_file, replace=True)
    assert names() == before


@pytest.mark.parametrize("step", ["forget_prepared_pages", "erase_again"])
def test_cut_off_after_the_commit_and_run_again_who_was_erased_since_stays_erased(
    full, a_request, tmp_path, monkeypatch, step
):
    person = a_request(full_name="Erase Me")
    path = backup(tmp_path / "backups")
    key_file = write_identity(tmp_path)
    privacy.erase(person, reason="Asked for it", by="Maria")
    with monkeypatch.context() as m:

        def dies(*args):
            raise Killed

        m.setattr(Command, step, dies)
        with pytest.raises(Killed):
            restore(path, key_file, replace=True)
    said = restore(path, key_file, replace=True)
    assert places_of("Erase Me") == set(), said


def test_one_erasure_that_fails_does_not_bring_the_others_back(
    full, a_request, tmp_path, monkeypatch
):
    people = [a_request(full_name=f"Erase Me {n}") for n in range(2)]
    path = backup(tmp_path / "backups")
    key_file = write_identity(tmp_path)
    for each in people:
        privacy.erase(each, reason="Asked for it", by="Maria")
    real, asked = privacy.erase, []
    with monkeypatch.context() as m:

        def first_fails(*a, **k):
            asked.append(1)
            if len(asked) == 1:
                raise OSError("once")
            return real(*a, **k)

        m.setattr(privacy, "erase", first_fails)
        with suppress(CommandError):
            restore(path, key_file, replace=True)
    restore(path, key_file, replace=True)
    assert places_of("Erase Me") == set()

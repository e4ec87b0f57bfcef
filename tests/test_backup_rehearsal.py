"""The restore drill, in real processes: a site at work is backed up, lost, and put back."""

import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from tests.backups import a_site_with_keys, back_up
from tests.pages import Page
from tests.patients import Patient
from tests.processes import ROOT, look, visit, wait_for

pytestmark = pytest.mark.processes
PEOPLE = 10
EVERYTHING = """
import hashlib
from django.db import connection
from practice.backups import files, tables
kept, _ = tables.of(connection)
answer = {
    "rows": {
        table.name: [str(row) for batch in tables.rows(connection, table) for row in batch]
        for table in kept
    },
    "files": {
        f"{alias}/{name}": files.store(alias).digest(name)
        for alias in files.ALIASES for name in files.store(alias).names()
    },
}
"""
INCOMPLETE = """
from consultations.models import ConsultationRequest
rows = ConsultationRequest.objects.prefetch_related("consents", "events")
answer = {
    "all": len(rows),
    "incomplete": [
        row.reference for row in rows
        if (row.consents.count(), row.events.filter(kind="received").count()) != (3, 1)
    ],
}
"""
SLOWLY = """
import sys, time, django; django.setup()
from django.core.management import call_command
from practice.backups import tables
insert = tables.insert
def insert_slowly(*args):
    insert(*args)
    print("inserted", flush=True)
    time.sleep(0.5)
tables.insert = insert_slowly
call_command("restore", sys.argv[1], identity=sys.argv[2], replace=True)
"""
# As a newer version might leave it.
FROM_THE_FUTURE = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("CREATE TABLE consultations_future (id integer primary key)")
    cursor.execute(
        "INSERT INTO django_migrations (app, name, applied) "
        "VALUES ('consultations', '0999_future', CURRENT_TIMESTAMP)"
    )
"""
MIGRATIONS = """
from django.db import connection
from practice.backups.tables import applied_migrations
answer = applied_migrations(connection)
"""
PICTURES = """
from django.core.files.base import ContentFile
from django.core.files.storage import storages
for number in range(20):
    storages["default"].save(f"portraits/{number}.webp", ContentFile(bytes([number]) * 100_000))
"""


@pytest.fixture(scope="module")
def site():
    with a_site_with_keys() as site:
        site.ask(PICTURES)
        yield site


def restore(site, path, *options):
    site.manage("restore", str(path), "--identity", str(site.folder / "identity.txt"), *options)


def test_the_line_for_cron_makes_a_backup(site):
    text = (ROOT / "docs/backup.md").read_text()
    [line] = re.findall(r"^15 3 \* \* \* +(cd /srv/practice .*)$", text, re.MULTILINE)
    home, backups = site.folder / "srv", site.folder / "backups-by-cron"
    home.mkdir()
    (home / ".venv").symlink_to(sys.prefix)
    (home / "manage.py").symlink_to(ROOT / "manage.py")
    lines = [f"{name}={value}" for name, value in site.environment.items() if name != "PATH"]
    (home / "env").write_text("\n".join(lines))

    line = line.replace("/srv/practice", str(home)).replace("/backups", str(backups))
    subprocess.run(["/bin/sh", "-c", line], env={"PATH": os.environ["PATH"]}, check=True)

    assert len(list(backups.glob("practice-*.tar.age"))) == 1


def lose_everything(site):
    site.stop()
    if connection.vendor == "postgresql":
        site.database.server.psql("DROP SCHEMA public CASCADE; CREATE SCHEMA public;")
    else:
        for path in site.folder.glob("site.sqlite3*"):
            path.unlink()
    for name in ("media", "private_media"):
        shutil.rmtree(site.folder / name, ignore_errors=True)


def test_a_site_at_work_is_backed_up_lost_and_put_back(site):
    # Given people who send requests while backups are made
    site.serve()
    site.work()
    people = [Patient(site, number) for number in range(PEOPLE)]
    for person in people:
        person.open()
    time.sleep(3)  # Nobody fills it in faster; the spam rules know.
    with ThreadPoolExecutor(4) as pool:
        sending = [pool.submit(person.send) for person in people]
        meanwhile = back_up(site)
        for each in sending:
            each.result()
    assert all(person.references for person in people)
    site.stop()
    after = back_up(site)
    before = site.ask(EVERYTHING)

    # When everything is lost, and the backup restored into nothing
    lose_everything(site)
    restore(site, after)

    # Then every row and every file is as it was
    assert site.ask(EVERYTHING) == before
    assert len(before["rows"]["consultations_consultationrequest"]) == PEOPLE
    assert len(before["files"]) == 20

    # And the site goes on: links open, and the next request is taken
    site.serve(workers=1)
    confirmation = look(site, people[0].receipt)
    private = next(link for link in confirmation.links if "/consultation/request/" in link)
    assert visit(site, private).status_code == 200
    assert "It hurts" not in Page(visit(site, private)).source
    another = Patient(site, PEOPLE + 1)
    another.open()
    another.send()
    assert another.references
    site.stop()

    # And the backup that was made meanwhile holds whole requests only
    restore(site, meanwhile, "--replace")
    found = site.ask(INCOMPLETE)
    assert found["incomplete"] == []
    assert found["all"] <= PEOPLE


def test_a_restore_that_is_killed_has_changed_nothing_and_can_be_run_again(site):
    path = back_up(site)
    site.ask("from practice.models import Practice; Practice.objects.update(name='Since')")
    before = site.ask(EVERYTHING)
    log = site.folder / "slow.log"
    killed = site.start("-c", SLOWLY, str(path), str(site.folder / "identity.txt"), log=log.name)
    wait_for(lambda: log.read_text().count("inserted") > 3, f"it is under way {log.read_text()}")

    killed.kill()
    killed.wait()

    assert site.ask(EVERYTHING) == before
    restore(site, path, "--replace")
    assert "Since" not in str(site.ask(EVERYTHING)["rows"]["practice_practice"])


def test_a_backup_of_an_older_version_is_restored_and_then_migrated(site):
    """Also over a database that a newer version has left: the way back after an upgrade."""
    newest = site.ask(MIGRATIONS)
    site.manage("migrate", "consultations", "0006_counted_by_arrival", "--verbosity=0")
    older = site.ask(MIGRATIONS)
    before = site.ask(EVERYTHING)
    path = back_up(site)
    site.manage("migrate", "--verbosity=0")
    site.ask(FROM_THE_FUTURE)

    restore(site, path, "--replace")

    assert len(older) < len(newest) == len(site.ask(MIGRATIONS))
    site.manage("migrate", "--check")
    after = site.ask(EVERYTHING)
    assert after["files"] == before["files"]
    grown = {"consultations_consultationrequest", "consultations_consent"}  # By columns.
    unchanged = set(before["rows"]) - grown - {"auth_permission", "django_content_type"}
    assert {name: after["rows"][name] for name in unchanged} == {
        name: before["rows"][name] for name in unchanged
    }
    counts = [{name: len(each["rows"][name]) for name in grown} for each in (before, after)]
    assert counts[0] == counts[1]

"""Checks a backup, and puts it in place of what is here (docs/backup.md)."""

import signal
import sys
import threading
from pathlib import Path

from django.core.cache import cache
from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_datetime
from post_office.models import STATUS, Email

from consultations.data_rights import after_restore
from practice.backups import BackupError, archive, restoring
from practice.backups.checking import check
from practice.caching.content_version import raise_version
from practice.operations.progress import Progress

WITHOUT_KEYS = """\
Restored without a key: what patients wrote, the notes of staff, patients' photographs and
authenticator apps that were sealed under it cannot be read. They are kept as they are: when the
key turns up, put it at the end of FIELD_ENCRYPTION_KEYS and restart.
Links that patients have go on working; where the site would show one again, it cannot.
Who cannot sign in with their app: docs/backup.md, “When the encryption keys are lost”."""


class Command(BaseCommand):
    help = "Checks a backup to the last byte, and restores it into an empty installation."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--identity",
            help="The file with the line AGE-SECRET-KEY-1…; “-” reads it from standard input.",
        )
        parser.add_argument("--check", action="store_true", help="Only check; change nothing.")
        parser.add_argument(
            "--replace", action="store_true", help="Delete everything that is here first."
        )
        parser.add_argument(
            "--without-keys",
            action="store_true",
            help="Restore although encryption keys are lost: what they sealed stays unreadable.",
        )

    def handle(self, *, file, identity, check, replace, without_keys, **options):
        if threading.current_thread() is threading.main_thread():
            # Puts back what was there before it goes.
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            keys = self.identities(identity, file)
            with file.open("rb") as opened:
                found = self.checked(opened, keys)
                if check:
                    self.stdout.write("The backup is whole. Nothing was changed.")
                    return
                restoring.refuse_what_cannot_be(found, replace=replace, without_keys=without_keys)
                self.restore(opened, keys, found)
        except BackupError as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(
                f"{error.filename or file}: {error.strerror or 'cannot be read'}. "
                f"{restoring.UNCHANGED}"
            ) from None

    def identities(self, source, file):
        if source is None:
            if file.suffix == ".tar":  # Of a DEBUG site.
                return None
            raise BackupError("--identity is missing: the file with the line AGE-SECRET-KEY-1….")
        return archive.identities(sys.stdin.read() if source == "-" else Path(source).read_text())

    def checked(self, file, keys):
        found = check(file, keys, self.progress)
        self.describe(found)
        self.say_keys(found)
        return found

    def restore(self, file, keys, found):
        receipts = after_restore.receipts()
        erased = after_restore.ErasedAgain()

        def owed():
            nonlocal erased
            raise_version()
            erased = after_restore.pay(receipts)
            return erased.files

        report, trouble = restoring.restore(file, keys, found, self.progress, owed)
        cache.clear()  # Pages know by the content's version that they are old; this frees room.
        self.tell(report)
        if restoring.is_older_than_the_code(found):
            self.stdout.write("Migrated to the state of this version.")
        self.tell_erased(erased)
        self.tell_what_is_left()
        if found.sealed.number_unread and found.missing_keys:
            self.stdout.write(WITHOUT_KEYS)
        if trouble:
            raise BackupError(trouble)

    def progress(self, what, total, unit=""):
        return Progress(self.stderr, what, total, unit)

    def describe(self, found):
        made_at = parse_datetime(found.manifest["made_at"])
        self.stdout.write(
            f"Made {made_at:%Y-%m-%d %H:%M} UTC from {found.manifest['database']}: "
            f"{found.rows:,} rows in {len(found.tables)} tables, "
            f"{found.number_of_files:,} files of {found.megabytes_of_files:,.1f} MB."
        )
        for alias, name in found.digests["missing"]:
            self.stdout.write(f"Was missing already: {name} (storage “{alias}”)")

    def say_keys(self, found):
        sealed = found.sealed
        self.stdout.write(
            f"{sealed.by_key.total():,} of {sealed.number:,} encrypted values open with the "
            "keys here."
        )
        if not sealed.number_unread:
            return
        for line in sealed.in_words():
            self.stdout.write(f"  {line}")
        if found.missing_keys:
            self.stdout.write(f"For them: fingerprint {' or '.join(found.missing_keys)}.")
        else:
            self.stdout.write("They were unreadable already when the backup was made.")

    def tell(self, report):
        for what, number, is_equal in report:
            state = "equal" if is_equal else "DIFFERENT"
            self.stdout.write(f"  {what:<42}{number:>12,}  {state}")
        self.stdout.write("Restored. Every row and every file equals the backup.")

    def tell_erased(self, erased):
        if erased.number:
            self.stdout.write(
                f"{erased.number} requests had been erased since, and were erased again."
            )
        for reference in erased.held:
            self.stdout.write(f"{reference} had been erased since, and is under a legal hold.")

    def tell_what_is_left(self):
        waiting = Email.objects.filter(status__in=(STATUS.queued, STATUS.requeued)).count()
        if waiting:
            self.stdout.write(
                f"{waiting} mails were waiting when the backup was made. The worker will send "
                "them, some perhaps a second time: look at the mail queue in the admin first."
            )
        self.stdout.write("Everybody has to sign in again.")

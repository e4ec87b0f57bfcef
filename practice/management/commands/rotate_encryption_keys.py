"""Re-encrypts everything under the newest key (docs/backup.md, “A new encryption key”)."""

from django.core.management.base import BaseCommand, CommandError

from practice.encryption import fingerprints
from practice.operations import key_rotation
from practice.operations.key_rotation import whose
from practice.operations.maintenance import AnotherIsRunning, alone
from practice.operations.progress import Progress

# What changed while it was renewed is renewed in the next pass.
PASSES = 5


class Command(BaseCommand):
    help = (
        "Puts everything encrypted under the first of FIELD_ENCRYPTION_KEYS. May be stopped at "
        "any time and run again; the site stays open meanwhile."
    )

    def add_arguments(self, parser):
        parser.add_argument("--dry-run", action="store_true", help="Only count, for each key.")

    def handle(self, *, dry_run, **options):
        self.newest, *self.older = fingerprints()
        self.stdout.write(f"Newest key: {self.newest}. Older: {', '.join(self.older) or 'none'}.")
        try:
            if dry_run:
                self.tell_counts(self.look("Counting"))
                return
            with alone(on_wait=self.say_waiting) as go_on:
                seen = self.rotate(go_on)
        except AnotherIsRunning:
            raise CommandError("Another key rotation or a backup is running.") from None
        self.tell_result(seen)

    def rotate(self, go_on):
        """Renews and looks again, until a look finds nothing to renew."""
        for _ in range(PASSES):
            self.look("Renewing", go_on, renew=True)
            seen = self.look("Verifying", go_on)
            if not any(each.older for each in seen):
                break
        return seen

    def look(self, what, go_on=lambda: None, *, renew=False):
        places = list(key_rotation.places())
        with Progress(self.stderr, what, sum(place.count() for place in places)) as progress:
            return [key_rotation.look(each, progress, go_on, renew=renew) for each in places]

    def say_waiting(self):
        self.stderr.write("Waiting for another key rotation or a backup to end.")

    def tell_counts(self, seen):
        for each in seen:
            counts = [f"{each.by_key[key]:,} under {key}" for key in (self.newest, *self.older)]
            if each.unknown:
                counts.append(f"{len(each.unknown):,} under none of these keys")
            self.stdout.write(f"  {each.name}: {', '.join(counts)}")
        older = sum(each.older for each in seen)
        self.stdout.write(f"{older:,} values are under older keys. Nothing was changed.")

    def tell_result(self, seen):
        older = sum(each.older for each in seen)
        unknown = [(each.name, pk) for each in seen for pk in each.unknown]
        for each in seen:
            self.stdout.write(f"  {each.name}: {each.by_key[self.newest]:,} under the newest key")
        for name, pk in unknown:
            self.stderr.write(f"Cannot be read: {name}, row {pk}{whose(name, pk)}")
        self.stdout.write(f"{older:,} values under older keys.")
        if unknown:
            raise CommandError(
                f"{len(unknown):,} values cannot be read with any key here: they were altered, "
                "or their key was removed. Put that key back at the end of "
                "FIELD_ENCRYPTION_KEYS and run this again."
            )
        if older:
            raise CommandError(
                "Something still writes under an older key. Restart every process of the site "
                "with the new FIELD_ENCRYPTION_KEYS, then run this again."
            )
        if self.older:
            self.stdout.write(
                f"Remove the older keys ({', '.join(self.older)}) from FIELD_ENCRYPTION_KEYS and "
                "restart. Keep them with the backups that were made until now."
            )

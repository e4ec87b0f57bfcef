"""Deletes pictures that no page, draft or earlier version names any more."""

from django.core.management.base import BaseCommand, CommandError

from practice.media import unused_pictures
from practice.operations.background import JobFailed


class Command(BaseCommand):
    help = "Deletes pictures that nothing names any more. The worker does this every day."

    def add_arguments(self, parser):
        parser.add_argument("--dry-run", action="store_true", help="Only say which would go.")

    def handle(self, *, dry_run, **options):
        try:
            if dry_run:
                self.say_which()
            else:
                self.stdout.write(f"{unused_pictures.delete_unused()} files were deleted.")
        except JobFailed as error:
            raise CommandError(str(error)) from None

    def say_which(self):
        names = list(unused_pictures.unused())
        for name in names:
            self.stdout.write(name)
        self.stdout.write(f"{len(names)} files would be deleted. Nothing was changed.")

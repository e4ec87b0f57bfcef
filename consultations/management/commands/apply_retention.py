"""Erases the requests whose time is over."""

from datetime import timedelta

from django.core.management.base import BaseCommand

from consultations import privacy
from consultations.data_rights import retention_preview


class Command(BaseCommand):
    help = "Erases requests that were kept for their time. The worker does this every day."

    def add_arguments(self, parser):
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be erased.")

    def handle(self, *, dry_run, **options):
        if dry_run:
            self.say_what_is_due()
            return
        counts = privacy.apply_retention()
        for kind, number in sorted(counts.items()):
            self.stdout.write(f"{number} {kind}")
        self.stdout.write(f"{counts['ConsultationRequest']} requests were erased.")

    def say_what_is_due(self):
        due = retention_preview.preview(ahead=timedelta())
        for _, kinds in due.days:
            for kind, number in sorted(kinds.items()):
                self.stdout.write(f"{number} {kind.lower()}")
        for what, number in due.parts:
            self.stdout.write(f"{number} × {what}")
        self.stdout.write(f"{due.number_held} kept by a legal hold")
        self.stdout.write(f"{due.number} requests would be erased. Nothing was changed.")

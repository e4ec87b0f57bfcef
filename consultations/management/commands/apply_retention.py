"""Erases the requests whose time is over."""

from django.core.management.base import BaseCommand
from django.db.models import Count

from consultations import privacy


class Command(BaseCommand):
    help = "Erases requests that were kept for their time. The worker does this every day."

    def add_arguments(self, parser):
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be erased.")

    def handle(self, *, dry_run, **options):
        due = privacy.due_for_erasure()
        if dry_run:
            for row in due.values("status").annotate(number=Count("pk")).order_by("status"):
                self.stdout.write(f"{row['number']} {row['status']}")
            self.stdout.write(f"{due.count()} requests would be erased. Nothing was changed.")
            return
        counts = privacy.apply_retention()
        for kind, number in sorted(counts.items()):
            self.stdout.write(f"{number} {kind}")
        self.stdout.write(f"{counts['ConsultationRequest']} requests were erased.")

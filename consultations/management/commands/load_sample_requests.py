"""Invented consultation requests, from forty for a try-out to a million for a measurement."""

from itertools import chain

from django.core.management.base import BaseCommand
from django.db import connection

from consultations.samples.sample_copies import copy_finished
from consultations.samples.sample_requests import Inventor

# More than these are copies of the finished ones among them: a practice has many years of
# finished requests, but never many open ones.
MOST_INVENTED = 4000


class Command(BaseCommand):
    help = "Adds invented consultation requests, spread over states and ages."

    def add_arguments(self, parser):
        parser.add_argument("--count", type=int, default=40)
        parser.add_argument("--seed", type=int, help="The same seed invents the same requests.")

    def handle(self, *, count, seed=None, verbosity, **options):
        invented = min(count, MOST_INVENTED)
        for stored in chain(
            Inventor(seed).fill(invented),
            (invented + copied for copied in copy_finished(count - invented, seed)),
        ):
            if verbosity > 1:
                self.stdout.write(f"{stored:,} of {count:,}")
        # Without fresh statistics the planner sorts where it could read off an index, and
        # until the next vacuum PostgreSQL looks up the row behind each entry of an index.
        can_vacuum = connection.vendor == "postgresql" and not connection.in_atomic_block
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE" if can_vacuum else "ANALYZE")
        self.stdout.write(f"Added {count:,} invented requests.")

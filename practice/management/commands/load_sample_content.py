"""The sample practice, from the readable files in sample_content/."""

from datetime import time

from django.core.files import File
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import transaction

from consultations.models import ConsultationRequest, ReplyTemplate
from practice import sample_content
from practice.models import Closure, Location, Practice, Surgeon
from practice.publishing import Publishable
from procedures.models import Category, Performance, Procedure

REQUESTS = 40
PUBLISHED = Publishable.Status.PUBLISHED
NOTE = "Sample content, not medically reviewed"


class Command(BaseCommand):
    help = (
        "Adds the parts of the sample practice that are not there yet. What is there stays "
        "as it is, so it can be run again at any time."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--with-requests",
            action="store_true",
            help=f"Also adds {REQUESTS} invented consultation requests, if there is none yet.",
        )

    def handle(self, *, with_requests, **options):
        with transaction.atomic():
            added = sum(
                (
                    self.load_practice(),
                    self.load_categories(),
                    self.load_surgeons(),
                    self.load_procedures(),
                    self.load_performances(),
                    self.load_reply_templates(),
                )
            )
        self.stdout.write(f"Sample content: {added} added, the rest was there already.")
        if with_requests and not ConsultationRequest.objects.exists():
            call_command("load_sample_requests", count=REQUESTS, stdout=self.stdout)

    def load_practice(self):
        data = sample_content.read("practice.toml")
        if Practice.objects.exists():
            added = 0
        else:
            Practice.objects.create(**data["practice"])
            added = 1
        for fields in data["locations"]:
            added += self.load_location(fields)
        return added

    def load_location(self, fields):
        hours, closures = fields.pop("hours", []), fields.pop("closures", [])
        # A site that has a main location of its own keeps it.
        fields["is_main"] &= not Location.objects.filter(is_main=True).exists()
        location, is_new = _add(Location, fields, status=PUBLISHED)
        if is_new:
            for opening in hours:
                times = {key: time.fromisoformat(opening[key]) for key in ("opens", "closes")}
                location.hours.create(weekday=opening["weekday"], **times)
            Closure.objects.bulk_create(Closure(location=location, **each) for each in closures)
        return is_new

    def load_categories(self):
        categories = sample_content.read("categories.toml")["categories"]
        return sum(_add(Category, fields)[1] for fields in categories)

    def load_surgeons(self):
        added = 0
        for fields in sample_content.read_all("surgeons"):
            del fields["featured"], fields["performs"]
            locations = fields.pop("locations")
            fields["languages"] = ", ".join(fields["languages"])
            surgeon, is_new = _add(Surgeon, fields, status=PUBLISHED)
            if is_new:
                surgeon.locations.set(Location.objects.filter(slug__in=locations))
            added += is_new
        return added

    def load_procedures(self):
        return sum(self.load_procedure(f) for f in sample_content.read_all("procedures"))

    def load_procedure(self, fields):
        parts = {
            name: fields.pop(name) for name in ("milestones", "faqs", "sources", "diagram_parts")
        }
        for name in ("also_known_as", "questions_to_ask", "photo_views"):
            fields[name] = "\n".join(fields[name])
        fields["category"] = Category.objects.get(slug=fields["category"])
        related = fields.pop("related")
        procedure, is_new = _add(Procedure, fields, unreviewed_note=NOTE)
        if not is_new:
            return 0
        for name, rows in parts.items():
            for position, row in enumerate(rows):
                getattr(procedure, name).create(position=position, **row)
        drawing = sample_content.FOLDER / "diagrams" / f"{procedure.slug}.svg"
        with drawing.open("rb") as file:
            procedure.diagram.save(drawing.name, File(file))
        procedure.related.set(Procedure.objects.filter(slug__in=related))
        # Through the same gate as anybody's page: sample content gets no special door.
        procedure.publish()
        return 1

    def load_performances(self):
        added = 0
        for fields in sample_content.read_all("surgeons"):
            surgeon = Surgeon.objects.get(slug=fields["slug"])
            if surgeon.performances.exists():
                continue
            for position, slug in enumerate(fields["performs"]):
                Performance.objects.create(
                    surgeon=surgeon,
                    procedure=Procedure.objects.get(slug=slug),
                    is_featured=slug in fields["featured"],
                    position=position,
                )
                added += 1
        return added

    def load_reply_templates(self):
        added = 0
        for position, fields in enumerate(sample_content.read("reply_templates.toml")["templates"]):
            name, body = fields["name"], fields["body"].strip()
            defaults = {"subject": fields["subject"], "body": body, "position": position}
            added += ReplyTemplate.objects.get_or_create(name=name, defaults=defaults)[1]
        return added


def _add(model, fields, **more):
    """(row, whether it is new): by slug; a row that exists is left as it is."""
    return model.objects.get_or_create(slug=fields["slug"], defaults={**fields, **more})

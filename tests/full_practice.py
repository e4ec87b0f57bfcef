"""A practice with every part filled in, and a server elsewhere that shows its pages."""

from datetime import date, timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.handlers.wsgi import WSGIHandler
from django.utils import timezone

from practice.caching import prepared_page
from practice.page_cache import PageCache
from tests import picture_files
from tests.wsgi_visitor import Elsewhere

HOME, PROCEDURES, PROCEDURE = "/", "/procedures/", "/procedures/rhinoplasty/"
SURGEONS, SURGEON, LOCATION = "/surgeons/", "/surgeons/robin-example/", "/locations/main-office/"
PAGES = [HOME, PROCEDURES, PROCEDURE, SURGEONS, SURGEON, LOCATION]
PAGES += ["/privacy/", "/accessibility/", "/sitemap.xml", "/site.webmanifest"]


def shown(elsewhere):
    """Every page as patients see it. Digits of addresses that pictures have are part of it."""
    return {path: (answer := elsewhere(path)).status and answer.text for path in PAGES}


@pytest.fixture
def quickly(monkeypatch):
    """The best compression takes the most time, and changes nothing here."""
    monkeypatch.setattr(prepared_page, "BEST", prepared_page.QUICK)


@pytest.fixture
def elsewhere(quickly):
    """`elsewhere(path)` is what a server with a connection of its own answers."""
    application = PageCache(WSGIHandler())
    server = Elsewhere()
    yield lambda path, **environ: server.ask(application, path, **environ)
    server.close()


@pytest.fixture
def content(practice, procedure, surgeon, location):
    """Every model with two rows, so that their order shows, and every optional part filled."""
    from practice.models import Closure, Location, Surgeon
    from procedures.models import Category, Performance, Procedure
    from tests.whole_site import add_case

    face = Category.objects.create(name="Face", slug="face", position=3)
    other = Procedure.objects.create(
        name="Septoplasty",
        slug="septoplasty",
        category=procedure.category,
        position=3,
        status="published",
    )
    Procedure.objects.create(name="Browlift", slug="browlift", category=face, status="published")
    procedure.related.add(other)
    procedure.hero = ContentFile(picture_files.plain((60, 30), "#8a8"), "hero.jpg")
    procedure.hero_alt = "A room."
    procedure.reviewed_by, procedure.last_reviewed = "R. Viewer, MD", date(2026, 1, 5)
    procedure.review_due = date(2030, 1, 5)
    procedure.save()
    procedure.sources.create(title="Second source", position=1)
    procedure.diagram_parts.create(number=2, label="Tip", position=1)
    for position in (0, 1):
        add_case(procedure, size=(50, 60), position=position, caption=f"Case {position}.")
    second = Surgeon.objects.create(name="Uma Other", slug="uma", role="Too", status="published")
    second.locations.add(location)
    Surgeon.objects.create(name="Vic Third", slug="vic", status="published")
    surgeon.quote, surgeon.quote_source = "Take your time.", "At a talk"
    surgeon.portrait = ContentFile(picture_files.plain((40, 40), "#a88"), "me.jpg")
    surgeon.portrait_alt, surgeon.memberships = "Robin.", "Society"
    surgeon.privileges = "Hospital"
    surgeon.save()
    Performance.objects.create(surgeon=surgeon, procedure=other, is_featured=True, position=1)
    Performance.objects.create(surgeon=second, procedure=procedure, position=1)
    location.email, location.summary = "office@example.com", "In town."
    location.save()
    Location.objects.create(name="Branch", slug="branch", status="published", city="Round Rock")
    for days, reason in ((10, "Holiday"), (20, "Repairs")):
        day = timezone.localdate() + timedelta(days=days)
        Closure.objects.create(first_day=day, last_day=day, reason=reason)

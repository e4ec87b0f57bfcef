"""The sample practice: complete, honest, and never in the way of what staff have written."""

import re
from collections import Counter

import pytest
from django.core.management import call_command

from consultations.models import (
    Consent,
    ConsultationRequest,
    ContactAttempt,
    Event,
    Status,
)
from practice import sample_content
from practice.models import Closure, Location, OpeningHours, Practice, Surgeon
from procedures import editorial
from procedures.models import Category, Performance, Procedure
from tests.pages import Page

pytestmark = pytest.mark.django_db

PROCEDURES = sample_content.read_all("procedures")


def load(**options):
    call_command("load_sample_content", **options)


@pytest.fixture
def loaded(db):
    load()


def rows():
    """How many rows of each kind there are, but for what merely logs them."""
    models = (Practice, Location, OpeningHours, Closure, Surgeon, Category, Procedure, Performance)
    counts = {model.__name__: model.objects.count() for model in models}
    for part in ("faqs", "milestones", "sources", "diagram_parts"):
        counts[part] = sum(getattr(each, part).count() for each in Procedure.objects.all())
    return counts


# --- Loading ----------------------------------------------------------------------------------


def test_loading_makes_a_site_whose_every_page_opens(loaded, client):
    addresses = [
        "/",
        "/procedures/",
        "/surgeons/",
        "/consultation/",
        "/privacy/",
        "/accessibility/",
    ]
    for model in (Procedure, Surgeon, Location):
        assert model.objects.exists()
        addresses += [page.get_absolute_url() for page in model.objects.all()]

    for address in addresses:
        assert client.get(address).status_code == 200, address


def test_loading_twice_changes_nothing(loaded):
    before, versions = rows(), list(Procedure.objects.order_by("pk").values_list())

    load()

    assert rows() == before
    assert list(Procedure.objects.order_by("pk").values_list()) == versions


def test_what_staff_have_changed_stays(loaded):
    Practice.objects.update(name="Our own name")
    Procedure.objects.update(summary="Our own words.")
    Surgeon.objects.update(role="Our own role")
    OpeningHours.objects.all().delete()
    procedure = Procedure.objects.first()
    procedure.faqs.all().delete()
    Performance.objects.first().delete()
    before = rows()

    load()

    assert rows() == before
    assert Practice.objects.get().name == "Our own name"
    assert set(Procedure.objects.values_list("summary", flat=True)) == {"Our own words."}
    assert Surgeon.objects.get().role == "Our own role"


def test_what_staff_have_withdrawn_stays_withdrawn(loaded, client):
    procedure = Procedure.objects.first()
    procedure.status = "withdrawn"
    procedure.save()

    load()

    assert client.get(procedure.get_absolute_url()).status_code == 410


def test_a_site_with_its_own_practice_keeps_it_and_its_hours(practice, location):
    load()

    assert Practice.objects.get().name == practice.name
    assert Location.objects.get(is_main=True) == location


# --- What it says -----------------------------------------------------------------------------


@pytest.mark.parametrize("fields", PROCEDURES, ids=lambda fields: fields["slug"])
def test_each_sample_procedure_passes_the_gate_and_needs_no_hint(loaded, fields):
    procedure = Procedure.objects.get(slug=fields["slug"])

    assert procedure.status == "published"
    assert editorial.missing(procedure) == []
    assert editorial.hints(procedure) == []


@pytest.mark.parametrize("fields", PROCEDURES, ids=lambda fields: fields["slug"])
def test_each_sample_procedure_says_all_there_is_to_say(loaded, fields):
    procedure = Procedure.objects.get(slug=fields["slug"])

    for name in editorial.HEADINGS:
        assert getattr(procedure, name).strip(), name
    assert len(procedure.key_facts) == len(editorial.KEY_FACTS)
    assert procedure.diagram
    assert procedure.diagram_alt
    assert procedure.synonyms
    assert procedure.questions
    assert procedure.milestones.count() >= 3
    assert procedure.faqs.exists()
    assert re.search(r"no surgery|no treatment|doing nothing", procedure.alternatives.lower())
    assert "911" in procedure.when_to_get_help
    sources = procedure.sources.all()
    assert sources
    assert all(source.url.startswith("https://") for source in sources)


def test_no_review_is_claimed_that_did_not_happen(loaded, client):
    for page in (*Procedure.objects.all(), *Surgeon.objects.all(), *Location.objects.all()):
        assert not page.is_reviewed
    procedures = Procedure.objects.all()
    assert procedures
    for procedure in procedures:
        text = Page(client.get(procedure.get_absolute_url())).text.lower()
        assert "not medically reviewed" in text


def test_nobody_is_shown_or_quoted_who_does_not_exist(loaded):
    surgeons = Surgeon.objects.all()
    assert surgeons
    for surgeon in surgeons:
        assert not surgeon.portrait
        assert not surgeon.quote


def test_every_address_and_number_is_obviously_invented(loaded):
    practice = Practice.objects.get()
    places = [practice, *Location.objects.all()]

    assert len(places) > 1
    assert all("55501" in place.phone.as_e164 for place in places)
    assert all(place.email.endswith("@example.com") for place in places)


def test_the_promise_can_be_kept(loaded):
    practice = Practice.objects.get()

    assert practice.calendar().weekly
    assert practice.first_response_minutes >= 60


# --- Invented requests ------------------------------------------------------------------------


@pytest.fixture
def forty(loaded, coordinator):
    load(with_requests=True)
    return ConsultationRequest.objects.all()


def test_forty_requests_are_in_every_state(forty):
    assert forty.count() == 40
    assert set(forty.values_list("status", flat=True)) == set(Status.values)


def test_loading_again_adds_no_further_requests(forty):
    load(with_requests=True)

    assert forty.count() == 40


def test_every_request_makes_sense(forty):
    for request in forty:
        assert request.message
        assert request.email.endswith("@example.com")
        assert request.respond_by > request.received_at
        assert bool(request.close_reason) == (request.status == "closed")
        assert (request.duplicate_of is None) == (request.status != "duplicate")
        events = list(request.events.all())
        assert events[0].kind == Event.Kind.RECEIVED
        assert [event.at for event in events] == sorted(event.at for event in events)
        assert request.consents.filter(kind=Consent.Kind.HEALTH_DATA, is_given=True).count() == 1
        if request.first_response_at:
            assert request.received_at <= request.first_response_at
            assert request.contacts.count() == 1
    assert ContactAttempt.objects.exists()


def test_no_two_people_share_a_number(forty):
    people = ConsultationRequest.objects.exclude(status="duplicate")
    assert people.values("phone").distinct().count() == people.count()
    for each in ConsultationRequest.objects.filter(status="duplicate"):
        assert (each.phone, each.email) == (each.duplicate_of.phone, each.duplicate_of.email)


def test_the_inbox_has_late_and_unclaimed_and_claimed_work(forty):
    assert ConsultationRequest.objects.late().exists()
    assert forty.filter(status="new", owner=None).exists()
    assert forty.exclude(owner=None).exists()


def test_the_same_seed_invents_the_same_requests(loaded):
    def invented():
        ConsultationRequest.objects.all().delete()
        call_command("load_sample_requests", count=20, seed=7)
        rows = ConsultationRequest.objects.order_by("pk")
        return [(row.full_name, row.message, row.status) for row in rows]

    assert invented() == invented()


def test_any_number_is_stored_in_few_queries(loaded, django_assert_max_num_queries):
    with django_assert_max_num_queries(60):
        call_command("load_sample_requests", count=300)

    assert ConsultationRequest.objects.count() == 300
    statuses = Counter(ConsultationRequest.objects.values_list("status", flat=True))
    assert min(statuses.values()) >= 15

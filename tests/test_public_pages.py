"""The pages that patients read: each is there, each knows the others, none shows a draft."""

import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from practice.models import Location, Surgeon
from procedures.models import Performance, Procedure
from tests.pages import Page

pytestmark = pytest.mark.django_db

PROCEDURE, SURGEON = "/procedures/rhinoplasty/", "/surgeons/robin-example/"
LOCATION, FORM = "/locations/main-office/", "/consultation/"
LISTS = ["/", "/procedures/", "/surgeons/"]
PAGES = [*LISTS, PROCEDURE, SURGEON, LOCATION, FORM, "/privacy/", "/accessibility/"]


@pytest.fixture
def see(client):
    """`see(address)` is the page there; it must exist."""

    def see(address):
        response = client.get(address)
        assert response.status_code == 200, address
        return Page(response)

    return see


def without_query(links):
    return {link.partition("?")[0].partition("#")[0] for link in links}


# --- Each page --------------------------------------------------------------------------------


@pytest.mark.parametrize("address", PAGES)
def test_the_page_is_there_with_a_title_a_way_to_ask_and_a_phone_number(procedure, see, address):
    page = see(address)

    assert "Example Surgery" in page.title
    assert page.source.count("<h1") == 1
    assert FORM in without_query(page.links)
    assert "tel:+1-512-555-0100" in page.links


@pytest.mark.parametrize("address", PAGES)
def test_pages_are_only_looked_at(procedure, client, address):
    assert client.head(address).status_code == 200
    if address != FORM:
        assert client.post(address).status_code == 405


@pytest.mark.parametrize("address", ["/", "/procedures/", "/surgeons/", FORM, "/privacy/"])
def test_a_site_that_nobody_has_filled_in_has_its_pages(db, client, address):
    assert client.get(address).status_code == 200


def test_every_link_on_every_page_leads_somewhere(procedure, client, see):
    links = set()
    for address in PAGES:
        links |= without_query(see(address).links)

    own = {link for link in links if link.startswith("/") and not link.startswith("/media/")}
    assert len(own) >= 8
    broken = {link: client.get(link).status_code for link in own}
    assert {link: status for link, status in broken.items() if status >= 400} == {}


MISSING = [
    "/procedures/nothing/",
    "/surgeons/nothing/",
    "/locations/nothing/",
    "/nothing/",
    "/procedures/rhinoplasty%00/",
    "/media/nothing.webp",
    "/media/%00",
]


@pytest.mark.parametrize("address", MISSING)
def test_where_there_is_nothing_the_page_says_so_and_shows_the_way(procedure, client, address):
    response = client.get(address)

    page = Page(response)
    assert response.status_code == 404
    assert "There is no page here" in page.text
    assert {"/procedures/", "/surgeons/", FORM} <= without_query(page.links)
    assert "555-0100" in page.text


@pytest.mark.parametrize("climb", ["..", "%2e%2e", "a/../..", "..%2f..", "/etc/passwd%00"])
def test_nobody_climbs_out_of_the_folder_of_pictures(db, client, settings, climb):
    response = client.get(f"/media/{climb}/site.sqlite3")

    assert response.status_code in (400, 404)


# --- A procedure's page -----------------------------------------------------------------------


def test_a_procedures_page_tells_everything_that_is_known(procedure, see):
    text = see(PROCEDURE).text

    for part in (
        "Surgery that changes the shape of the nose.",
        "2–4 hours",
        "Adults who want it for themselves.",
        "No surgery",
        "Breathing that gets worse",
        "The splint comes off",
        "Call 911 if you cannot breathe.",
        "Does it hurt?",
        "Nose surgery",
        "What if I am not happy?",
        "Bone above, cartilage below.",
        "nose job",
    ):
        assert part in text


def test_risks_stand_beside_the_benefits_and_not_in_small_print(procedure, see):
    source = see(PROCEDURE).source

    balance = source[source.index('class="balance"') :]
    sections = re.findall(r'<section id="(\w+)">', balance)[:2]
    assert sections == ["benefits", "risks"]


def test_markdown_is_prose_and_never_markup_of_its_own(procedure, see):
    Procedure.objects.update(
        what_it_is="**Bold** <script>alert(1)</script> [link](javascript:alert(1)) <b onclick=x>",
        summary="<img src=x onerror=alert(1)>",
    )

    source = see(PROCEDURE).source

    assert "<strong>Bold</strong>" in source
    assert "<script>alert" not in source
    assert 'href="javascript' not in source
    assert "<b onclick" not in source
    assert "<img src=x" not in source


def test_who_must_get_help_finds_the_number_in_that_section(procedure, see):
    source = see("/procedures/rhinoplasty/").source

    section = source[source.index('id="when_to_get_help"') :].partition("</section>")[0]
    assert 'href="tel:+1-512-555-0100"' in section


@pytest.mark.parametrize(
    ("synonyms", "named"),
    [
        (["nose job", "nose surgery", "rhino"], "nose job or nose surgery"),
        (["nose job", "nose-job", "Nosejob", "rhino"], "nose job or rhino"),
        (["Rhino-plasty", "nose job"], "nose job"),
        (["rhino plasty"], None),
    ],
    ids=["two", "spellings of one", "a spelling of its name", "nothing else"],
)
def test_a_page_names_other_names_and_not_other_spellings(procedure, see, synonyms, named):
    procedure.also_known_as = "\n".join(synonyms)
    procedure.save()

    text = see("/procedures/rhinoplasty/").text

    assert f"Also called {named}." in text if named else "Also called" not in text


NOT_SHOWN = re.compile(r'<script.*?</script>|href="[^"]*"', re.DOTALL)


def test_a_phone_number_is_written_in_one_way_and_never_broken(procedure, see):
    for address in PAGES:
        shown = re.sub(NOT_SHOWN, "", see(address).source)
        assert "(512)\N{NO-BREAK SPACE}555-0100" in shown
        assert "512-555-0100" not in shown


def test_a_case_is_shown_while_its_consent_is_in_force(procedure, see, picture_case):
    assert "Before: the nose from the side" in see(PROCEDURE).source


TODAY = timezone.localdate


@pytest.mark.parametrize(
    "ended",
    [
        lambda: {"consent_revoked_on": TODAY()},
        lambda: {"consent_expires_on": TODAY()},
        lambda: {"consent_covers_web": False},
        lambda: {"consent_signed_on": TODAY() + timedelta(days=1)},
        lambda: {"is_shown": False},
    ],
    ids=["revoked", "expired", "not for the web", "not yet", "not to be shown"],
)
def test_a_case_without_consent_in_force_is_gone_with_its_pictures(
    procedure, client, see, picture_case, ended
):
    address = picture_case.before.url
    assert client.get(address).status_code == 200

    type(picture_case).objects.update(**ended())

    assert "Before:" not in see(PROCEDURE).source
    assert client.get(address).status_code == 404


@pytest.fixture
def picture_case(procedure):
    from django.core.files.base import ContentFile

    from tests import picture_files

    case = procedure.cases.model(
        procedure=procedure,
        before_alt="the nose from the side",
        after_alt="the same nose",
        time_after="6 months after surgery",
        is_shown=True,
        consent_reference="Folder 7",
        consent_signed_on=TODAY() - timedelta(days=30),
        consent_covers_web=True,
    )
    case.before = ContentFile(picture_files.plain(colour="red"), name="a.jpg")
    case.after = ContentFile(picture_files.plain(colour="blue"), name="b.jpg")
    case.save()
    return case


# --- From one to the other --------------------------------------------------------------------


def test_a_procedure_and_its_surgeon_link_to_each_other_and_to_the_form(procedure, see):
    at_procedure, at_surgeon = see(PROCEDURE), see(SURGEON)

    assert SURGEON in at_procedure.links
    assert PROCEDURE in at_surgeon.links
    assert f"{FORM}?procedure=rhinoplasty" in at_procedure.links
    assert f"{FORM}?surgeon=robin-example" in at_surgeon.links
    assert LOCATION in at_surgeon.links
    assert SURGEON in see(LOCATION).links


def test_a_surgeon_of_many_procedures_is_named_once_on_each(procedure, surgeon, see, many):
    many(3)

    assert see(PROCEDURE).links.count(SURGEON) == 1
    assert see("/procedures/procedure-1/").links.count(SURGEON) == 1


def test_related_procedures_link_to_each_other(procedure, see, many):
    many(1)
    procedure.related.add(Procedure.objects.get(slug="procedure-1"))

    assert "/procedures/procedure-1/" in see(PROCEDURE).links
    assert PROCEDURE in see("/procedures/procedure-1/").links


# --- What is not published --------------------------------------------------------------------

EVERYWHERE = [*PAGES, "/search/?q=unseen", "/sitemap.xml"]
HIDDEN = {
    "a draft": {"status": "draft"},
    "scheduled": {"status": "scheduled", "publish_at": timezone.now() + timedelta(days=900)},
    "withdrawn": {"status": "withdrawn"},
}


@pytest.mark.parametrize("fields", HIDDEN.values(), ids=HIDDEN.keys())
def test_what_is_not_published_is_named_nowhere(procedure, surgeon, location, client, fields):
    unseen = Procedure.objects.create(
        name="Unseen procedure",
        slug="unseen-procedure",
        category=procedure.category,
        summary="Unseen summary",
        **fields,
    )
    person = Surgeon.objects.create(name="Unseen Surgeon", slug="unseen-surgeon", **fields)
    place = Location.objects.create(
        name="Unseen place", slug="unseen-place", street="1 Street", city="Waco", **fields
    )
    procedure.related.add(unseen)
    person.locations.add(location)
    surgeon.locations.add(place)
    Performance.objects.create(surgeon=surgeon, procedure=unseen, is_featured=True)
    Performance.objects.create(surgeon=person, procedure=procedure)

    for address in EVERYWHERE:
        response = client.get(address)
        assert response.status_code == 200, address
        source = response.content.decode()
        assert "unseen-" not in source, address
        assert "Unseen" not in source, address
    for page in (unseen, person, place):
        assert client.get(page.get_absolute_url()).status_code in (404, 410)


def test_a_category_without_published_procedures_is_not_shown(procedure, category, see):
    Procedure.objects.update(status="draft")

    assert category.name not in [see(address).text for address in LISTS]
    assert all("Shape and breathing." not in see(address).text for address in LISTS)


# --- Work for the database --------------------------------------------------------------------


@pytest.fixture
def many(procedure, surgeon):
    """`many(30)` adds that many full procedures that the surgeon performs."""

    def many(count):
        for number in range(1, count + 1):
            new, is_new = Procedure.objects.get_or_create(
                slug=f"procedure-{number}",
                defaults={
                    "name": f"Procedure {number}",
                    "category": procedure.category,
                    "summary": "Summary.",
                    "risks": "Some.",
                    "status": "published",
                },
            )
            if is_new:
                new.sources.create(title="Source")
                new.faqs.create(question="Why?", answer="Because.")
                Performance.objects.create(surgeon=surgeon, procedure=new)
                procedure.related.add(new)

    return many


@pytest.mark.parametrize("address", [*LISTS, PROCEDURE, SURGEON, LOCATION, FORM])
def test_a_page_of_thirty_procedures_asks_the_database_no_more_than_one_of_three(
    many, client, address
):
    def queries():
        cache.clear()
        client.get(address)
        cache.clear()
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert client.get(address).status_code == 200
        return [query["sql"] for query in asked]

    many(3)
    with_three = queries()
    many(30)
    with_thirty = queries()

    assert "procedure-30" in client.get("/procedures/").content.decode()
    assert len(with_thirty) == len(with_three)
    assert len(with_thirty) <= 16

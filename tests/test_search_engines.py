"""What search engines and other sites are told: the truth, all of it, and nothing else."""

import io
import json
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from django.conf import settings as site
from django.contrib.staticfiles import finders
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image

from practice.models import Location, Surgeon
from procedures.models import Faq, Procedure
from tests import html_rules, schema_org
from tests.whole_site import FOUND

pytestmark = pytest.mark.django_db

SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


@pytest.fixture
def found(whole_site, client):
    """Name → parsed page of every page that a search engine may find."""
    return {name: html_rules.tree(client.get(whole_site[name]).content.decode()) for name in FOUND}


def documents(page):
    scripts = [each for each in page.iter("script") if each.get("type") == "application/ld+json"]
    return [json.loads(each.text) for each in scripts]


def meta(page, key):
    every = (each for each in page.iter("meta") if key in (each.get("name"), each.get("property")))
    return [each.get("content") for each in every]


# --- JSON-LD ----------------------------------------------------------------------------------


@pytest.mark.once
def test_structured_data_keeps_to_the_vocabulary_and_to_what_is_shown(found):
    kinds = set()
    for name, page in found.items():
        text = html_rules.text(page.find("body"))
        for document in documents(page):
            kinds |= {node.get("@type") for node in schema_org.nodes(document)}
            assert list(schema_org.foreign(document)) == [], name
            assert list(schema_org.dangling(document)) == [], name
            assert list(schema_org.unseen(document, text)) == [], name
    assert {"SurgicalProcedure", "IndividualPhysician", "MedicalClinic", "FAQPage"} <= kinds


def test_a_review_is_told_as_it_is_shown(procedure, client):
    Procedure.objects.update(reviewed_by="Dr. Robin Example, MD", last_reviewed="2026-03-04")

    page = html_rules.tree(client.get(procedure.get_absolute_url()).content.decode())
    (document,) = documents(page)

    (about_page,) = [node for node in schema_org.nodes(document) if "lastReviewed" in node]
    assert about_page["reviewedBy"]["name"] == "Dr. Robin Example, MD"
    assert list(schema_org.foreign(document)) == []
    assert list(schema_org.unseen(document, html_rules.text(page.find("body")))) == []


def test_no_text_can_end_the_element_it_stands_in(procedure, client):
    Faq.objects.update(question="</script><script>alert(1)</script> <!-- & “quoted”")

    page = html_rules.tree(client.get(procedure.get_absolute_url()).content.decode())

    (document,) = documents(page)
    questions = [n["name"] for n in schema_org.nodes(document) if n.get("@type") == "Question"]
    assert questions[0].startswith("</script><script>alert(1)")


CLINIC = {"@type": "MedicalClinic", "name": "Example", "@id": "https://a/#b"}


@pytest.mark.parametrize(
    ("rule", "graph"),
    [
        (schema_org.foreign, [{"@type": "Hospital", "name": "Example"}]),
        (schema_org.foreign, [CLINIC | {"price": "Example"}]),
        (schema_org.foreign, [{"@type": "MedicalClinic"}]),
        (schema_org.foreign, [CLINIC | {"address": {"@type": "PostalAddress", "name2": "x"}}]),
        (schema_org.dangling, [CLINIC | {"about": {"@id": "https://a/#c"}}]),
        (lambda doc: schema_org.unseen(doc, "Example"), [CLINIC | {"description": "Better"}]),
        (lambda doc: schema_org.unseen(doc, "Example 9:00 AM"), [CLINIC | {"opens": "10:00"}]),
        (lambda doc: schema_org.unseen(doc, "Example"), [CLINIC | {"alternateName": ["Other"]}]),
    ],
)
def test_broken_structured_data_is_found(rule, graph):
    good = {"@context": "https://schema.org", "@graph": [CLINIC]}
    assert list(rule(good)) == []
    assert len(list(rule(good | {"@graph": graph}))) == 1


# --- Head -------------------------------------------------------------------------------------


@pytest.mark.once
def test_every_page_says_what_it_is_and_where_it_belongs(found, whole_site):
    titles = {}
    for name, page in found.items():
        path = whole_site[name].partition("?")[0]
        (canonical,) = [e.get("href") for e in page.iter("link") if e.get("rel") == "canonical"]
        assert canonical == site.SITE_URL + path, name
        assert meta(page, "og:url") == [canonical], name
        (description,) = meta(page, "description")
        assert 40 <= len(description) <= 320, name
        assert meta(page, "robots") == [], name
        titles.setdefault(page.findtext("head/title"), []).append(name)
    assert [names for names in titles.values() if len(names) > 1] == []


@pytest.mark.once
def test_every_page_has_a_picture_to_be_shared_with(found, client):
    addresses = {address for page in found.values() for address in meta(page, "og:image")}
    assert len(addresses) >= 4
    for address in addresses:
        assert address.startswith(site.SITE_URL)
        response = client.get(address.removeprefix(site.SITE_URL))
        picture = Image.open(io.BytesIO(response.content))
        assert (picture.format, picture.size) == ("PNG", (1200, 630)), address
        assert response["Content-Type"] == "image/png"


@pytest.mark.once
@pytest.mark.parametrize("name", ["search with results", "private page", "unknown link", "sign-in"])
def test_pages_that_are_nobody_elses_business_ask_not_to_be_indexed(whole_site, client, name):
    response = client.get(whole_site[name])

    robots = meta(html_rules.tree(response.content.decode()), "robots")
    assert "noindex" in response.get("X-Robots-Tag", "") or robots == ["noindex"]


def test_a_picture_to_share_is_made_of_live_pages_only(whole_site, client):
    address = "/social/procedures/rhinoplasty.png"
    assert client.get(address).status_code == 200

    Procedure.objects.update(status="draft")
    assert client.get(address).status_code == 404
    Procedure.objects.update(status="withdrawn")
    assert client.get(address).status_code in (404, 410)


# --- Files for machines -------------------------------------------------------------------------


def sitemap(client):
    """Address → day of the last change, None where there is none."""
    root = ElementTree.fromstring(client.get("/sitemap.xml").content)
    return {
        each.findtext(f"{SITEMAP}loc"): each.findtext(f"{SITEMAP}lastmod")
        for each in root.iter(f"{SITEMAP}url")
    }


def test_the_sitemap_lists_every_published_page_with_the_day_its_content_changed(
    whole_site, client
):
    changed = datetime(2026, 2, 3, 18, tzinfo=UTC)
    expected = {}
    for model in (Procedure, Surgeon, Location):
        for page in model.objects.published():
            changed += timedelta(days=1)
            model.objects.filter(pk=page.pk).update(content_changed_at=changed)
            expected[site.SITE_URL + page.get_absolute_url()] = f"{changed:%Y-%m-%d}"
    # A later save that changes no content is not a change.
    Procedure.objects.first().save()

    listed = sitemap(client)

    pages = {address: day for address, day in listed.items() if address in expected}
    assert pages == expected
    others = {address.removeprefix(site.SITE_URL) for address in listed.keys() - expected.keys()}
    assert others == {
        *("/", "/procedures/", "/surgeons/", "/consultation/", "/privacy/", "/accessibility/")
    }
    assert all(client.get(each.removeprefix(site.SITE_URL)).status_code == 200 for each in listed)


@pytest.mark.parametrize("status", ["draft", "withdrawn", "scheduled"])
def test_the_sitemap_knows_only_what_is_published(whole_site, client, status):
    later = timezone.now() + timedelta(days=900)
    for model in (Procedure, Surgeon, Location):
        model.objects.update(status=status, publish_at=later)

    assert len(sitemap(client)) == 6


@pytest.mark.once
def test_robots_may_read_every_page_in_the_sitemap_and_are_told_of_it(whole_site, client):
    text = client.get("/robots.txt").content.decode()
    forbidden = [line.split(": ")[1] for line in text.splitlines() if "Disallow" in line]

    assert f"Sitemap: {site.SITE_URL}/sitemap.xml" in text
    assert {"/admin/", "/staff/", "/search/"} <= set(forbidden)
    assert whole_site["private page"].startswith(tuple(forbidden))
    assert whole_site["received"].startswith(tuple(forbidden))
    for address in sitemap(client):
        assert not address.removeprefix(site.SITE_URL).startswith(tuple(forbidden)), address


@pytest.mark.once
def test_the_icons_are_there_in_the_sizes_that_are_told(found, client):
    manifest = client.get("/site.webmanifest").json()
    assert manifest["name"] == "DeVictor Plastic & Reconstructive Surgery"
    icons = [(each["src"], each["sizes"], each["type"]) for each in manifest["icons"]]
    links = [each for each in found["home"].iter("link") if "icon" in each.get("rel")]
    icons += [(each.get("href"), each.get("sizes") or "any", each.get("type")) for each in links]
    icons.append((client.get("/favicon.ico").url, "32x32", None))
    assert len(icons) >= 5
    for address, sizes, kind in icons:
        path = finders.find(address.removeprefix("/static/"))
        assert path, address
        if path.endswith(".svg"):
            assert ElementTree.parse(path).getroot().tag.endswith("svg")
        else:
            picture = Image.open(path)
            assert sizes in ("any", "{}x{}".format(*picture.size)), address
            assert kind in (None, Image.MIME[picture.format]), address


# --- Work for the database ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["/", "/procedures/", "/procedures/rhinoplasty/", "/search/?q=nose", "/sitemap.xml"]
)
def test_two_hundred_procedures_ask_the_database_no_more_than_ten(procedure, client, address):
    def add(numbers):
        added = Procedure.objects.bulk_create(
            Procedure(
                name=f"Nose procedure {number}",
                slug=f"procedure-{number}",
                category=procedure.category,
                summary="Another nose.",
                status="published",
            )
            for number in numbers
        )
        Faq.objects.bulk_create(Faq(procedure=p, question="Why?", answer="So.") for p in added)
        procedure.related.set(Procedure.objects.exclude(pk=procedure.pk))

    def queries():
        client.get(address)
        with CaptureQueriesContext(connection) as asked:
            content = client.get(address).content
        return len(asked), len(content)

    add(range(9))
    of_ten, short = queries()
    add(range(9, 199))
    of_two_hundred, long = queries()

    assert of_two_hundred == of_ten <= 16
    assert long > short

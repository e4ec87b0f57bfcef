"""Editing content: the publishing gate, versions, one practice, hours that move promises."""

import io
from datetime import time, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.db.models.fields.files import FieldFile
from PIL import Image

from practice.models import Closure, Practice
from procedures import editorial
from procedures.models import Procedure

PROCEDURES = "/admin/procedures/procedure/"


@pytest.fixture
def client(signed_in, editor):
    return signed_in(editor)


def as_sent(response):
    """What the browser would post back from an admin form, unchanged."""
    sent = {}
    forms = [response.context["adminform"].form]
    for inline in response.context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    for form in forms:
        for field in form:
            value = field.value()
            widget = field.field.widget
            if value is None or value is False or isinstance(value, FieldFile):
                continue
            if value is True:
                sent[field.html_name] = "on"
            elif getattr(widget, "allow_multiple_selected", False):
                sent[field.html_name] = [getattr(each, "pk", each) for each in value]
            else:
                sent[field.html_name] = widget.format_value(value)
                if isinstance(sent[field.html_name], list):
                    sent[field.html_name] = sent[field.html_name][0]
    return {name: value for name, value in sent.items() if value not in (None, [])}


def change(client, procedure, **answers):
    address = f"{PROCEDURES}{procedure.pk}/change/"
    return client.post(address, as_sent(client.get(address)) | answers)


def said(response):
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


# --- The gate ------------------------------------------------------------------------------


@pytest.mark.parametrize("field", [name for name in editorial.REQUIRED if name != "sources"])
@pytest.mark.parametrize("status", ["published", "scheduled"])
def test_a_live_page_without_a_required_part_is_refused(client, procedure, field, status):
    response = change(
        client, procedure, status=status, publish_at="2030-01-02T10:00", **{field: "  "}
    )
    assert response.status_code == 200
    form = response.context["adminform"].form
    assert editorial.REQUIRED[field] in str(form.errors[field])
    shown = response.content.decode()
    assert f'href="#id_{field}"' in shown
    procedure.refresh_from_db()
    assert getattr(procedure, field).strip()


def test_the_last_source_of_a_live_page_stays(client, procedure):
    response = change(client, procedure, **{"sources-0-DELETE": "on"})
    assert response.status_code == 200
    assert editorial.REQUIRED["sources"] in str(response.context["adminform"].form.errors)
    assert 'href="#sources-group"' in response.content.decode()
    assert procedure.sources.count() == 1


def test_a_source_can_be_replaced_in_one_go(client, procedure):
    response = change(
        client,
        procedure,
        **{"sources-0-DELETE": "on", "sources-1-title": "A better one", "sources-1-position": "0"},
    )
    assert response.status_code == 302
    assert [source.title for source in procedure.sources.all()] == ["A better one"]


def test_a_draft_may_lack_anything_and_says_what(client, procedure):
    assert change(client, procedure, status="draft", risks="").status_code == 302
    shown = client.get(f"{PROCEDURES}{procedure.pk}/change/").content.decode()
    assert "Missing before publication" in shown
    assert 'href="#id_risks"' in shown
    assert 'id="id_risks"' in shown


def test_a_claim_is_shown_opened_and_leads_to_where_it_stands(client, procedure):
    address = f"{PROCEDURES}{procedure.pk}/change/"
    assert '<details class="hints" open>' not in client.get(address).content.decode()

    change(client, procedure, summary="The best facelift.")

    shown = client.get(address).content.decode()
    assert '<details class="hints" open>' in shown
    assert '<a href="#id_summary">One-line summary says “best”.' in shown


def test_a_new_page_goes_live_with_its_first_source(client, category):
    address = f"{PROCEDURES}add/"
    texts = {name: "Words." for name, _ in editorial.SECTIONS}
    answers = as_sent(client.get(address)) | texts
    answers |= {"name": "New", "slug": "new", "category": category.pk, "summary": "One line."}
    answers["status"] = "published"
    assert client.post(address, answers).status_code == 200
    answers["sources-0-title"] = "Where it comes from"
    assert client.post(address, answers).status_code == 302
    assert Procedure.objects.get(slug="new").is_live


def test_publish_and_withdraw_from_the_list(client, procedure):
    def run(action):
        chosen = {"action": action, "_selected_action": [procedure.pk], "index": 0}
        return client.post(PROCEDURES, chosen)

    assert "withdrawn" in said(run("withdraw"))
    procedure.refresh_from_db()
    assert procedure.status == "withdrawn"
    Procedure.objects.update(risks="")
    assert editorial.REQUIRED["risks"] in said(run("publish"))
    procedure.refresh_from_db()
    assert procedure.status == "withdrawn"
    Procedure.objects.update(risks="Bleeding.")
    assert "is published" in said(run("publish"))
    procedure.refresh_from_db()
    assert procedure.status == "published"


# --- Versions ------------------------------------------------------------------------------


def test_a_version_counts_changes_only(client, procedure):
    version = procedure.content_version
    assert change(client, procedure).status_code == 302
    procedure.refresh_from_db()
    assert procedure.content_version == version
    change(client, procedure, risks="- Bleeding")
    change(client, procedure, **{"faqs-0-answer": "No."})
    procedure.refresh_from_db()
    assert procedure.content_version == version + 2
    assert procedure.last_reviewed is None


# --- Pictures ------------------------------------------------------------------------------


def test_a_file_that_is_no_picture_is_refused_beside_its_field(client, procedure):
    broken = SimpleUploadedFile("x.jpg", b"not a picture", "image/jpeg")
    response = change(client, procedure, hero=broken, hero_alt="A nose.")
    assert "not a picture we can read" in str(response.context["adminform"].form.errors["hero"])


def test_a_picture_is_stored_anew(client, procedure):
    file = io.BytesIO()
    Image.new("RGB", (40, 30)).save(file, "JPEG")
    picture = SimpleUploadedFile("holiday.jpg", file.getvalue(), "image/jpeg")
    assert change(client, procedure, hero=picture, hero_alt="A nose.").status_code == 302
    procedure.refresh_from_db()
    assert procedure.hero.name.endswith(".webp")
    assert "holiday" not in procedure.hero.name


# --- The practice, its hours ---------------------------------------------------------------


def test_there_is_one_practice(client, practice, settings):
    page = "/admin/practice/practice/1/change/"
    assert client.get("/admin/practice/practice/")["Location"] == page
    assert client.get("/admin/practice/practice/add/").status_code == 403
    assert client.post("/admin/practice/practice/1/delete/", {"post": "yes"}).status_code == 403
    assert Practice.objects.count() == 1


def test_changed_hours_move_open_promises(
    client, location, a_request, django_capture_on_commit_callbacks
):
    row = a_request()
    before = row.respond_by
    address = f"/admin/practice/location/{location.pk}/change/"
    answers = as_sent(client.get(address))
    for number in range(5):
        answers[f"hours-{number}-closes"] = "10:00"
    with django_capture_on_commit_callbacks(execute=True) as called:
        assert client.post(address, answers).status_code == 302
    recomputations = [each for each in called if "recompute" in each.__name__]
    assert len(recomputations) == 1
    row.refresh_from_db()
    assert row.respond_by > before + timedelta(days=1)


def test_a_closure_moves_open_promises(
    client, location, a_request, django_capture_on_commit_callbacks
):
    row = a_request()
    day = row.respond_by.date()
    before = row.respond_by
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        closure = Closure.objects.create(
            reason="Holiday", first_day=day - timedelta(days=9), last_day=day + timedelta(days=9)
        )
    row.refresh_from_db()
    assert row.respond_by > before
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        closure.delete()
    row.refresh_from_db()
    assert row.respond_by == before


def test_two_new_openings_may_not_overlap(client, location):
    location.hours.all().delete()
    address = f"/admin/practice/location/{location.pk}/change/"
    answers = as_sent(client.get(address)) | {"hours-TOTAL_FORMS": "2"}
    for number, (opens, closes) in enumerate([("09:00", "13:00"), ("12:00", "17:00")]):
        answers[f"hours-{number}-weekday"] = "0"
        answers[f"hours-{number}-opens"] = opens
        answers[f"hours-{number}-closes"] = closes
    response = client.post(address, answers)
    assert response.status_code == 200
    assert "overlap" in response.content.decode()
    answers["hours-1-opens"] = "13:00"
    assert client.post(address, answers).status_code == 302
    assert [hours.opens for hours in location.hours.all()] == [time(9), time(13)]


# --- Staff accounts ------------------------------------------------------------------------


def test_only_a_superuser_makes_superusers(signed_in, staff, django_user_model):
    maker = staff("Manager", "maker")
    maker.user_permissions.add(*Permission.objects.filter(content_type__model="user"))
    owner = django_user_model.objects.create_superuser("owner", "o@example.com", "x")
    client = signed_in(maker)
    assert (
        "is_superuser"
        not in client.get(f"/admin/practice/user/{maker.pk}/change/")
        .context["adminform"]
        .form.fields
    )
    assert client.post(f"/admin/practice/user/{owner.pk}/change/", {}).status_code == 403
    assert (
        client.post(f"/admin/practice/user/{owner.pk}/delete/", {"post": "yes"}).status_code == 403
    )
    assert client.get(f"/admin/practice/user/{owner.pk}/password/").status_code == 403

"""The admin speaks the practice's language: no library's word, one clock, kind empty lists."""

import re
from datetime import timedelta

import pytest
from django.contrib import admin
from django.utils import timezone

from practice.models import Closure, Surgeon
from tests import admin_addresses
from tests.pages import Page

pytestmark = [pytest.mark.django_db, pytest.mark.once]
# What libraries call their things, wherever a page might say it.
NOT_OURS = re.compile(
    r"MFA|TOTP|WebAuthn|Post Office|Authenticators?\b(?! app)|Authentication and Auth|Timestamp"
    r"|Resource Type|consultationrequest|log entr|Log out|Log in|Select \w+.* to (change|view)"
    r"|Superuser|Staff status|Active\b|\bSlug\b|\bGroups?\b|requeued|Email Template"
    r"|\w+ object \(|Change history: .* object|Permissions|password-based|LDAP|pbkdf2"
)
OTHER_CLOCKS = re.compile(r"[ap]\.m\.|\b\d{4}-\d\d-\d\d[ T]\d|[A-Z][a-z]{2}\. \d+, \d{4}")
OWN_PAGES = "consultations/consultationrequest"


@pytest.fixture
def owner(django_user_model):
    return django_user_model.objects.create_superuser("owner", "owner@example.com", "x" * 14)


@pytest.fixture
def objects(a_request, procedure, surgeon, location, django_user_model):
    """Keys of a row of each model of the admin, by “app/model”."""
    from allauth.mfa.models import Authenticator
    from auditlog.models import LogEntry

    row = a_request(procedure=procedure)
    Closure.objects.create(
        reason="Training", first_day=timezone.localdate(), last_day=timezone.localdate()
    )
    person = django_user_model.objects.create_user("dora", "dora@example.com", "x" * 14)
    Authenticator.objects.create(user=person, type=Authenticator.Type.TOTP, data={})
    found = admin_addresses.keys(row)
    assert LogEntry.objects.exists()
    return found


def pages(objects):
    """Lists, forms, histories and questions before deleting, of every model but requests."""
    yield "/admin/"
    for model in admin.site._registry:
        name = f"{model._meta.app_label}/{model._meta.model_name}"
        if name == OWN_PAGES:
            continue
        yield f"/admin/{name}/"
        for page in ("change", "history", "delete"):
            yield f"/admin/{name}/{objects[name]}/{page}/"
        yield f"/admin/{name}/add/"
    yield f"/admin/practice/user/{objects['practice/user']}/password/"


def shown(client, address):
    """The words of the page, or none if there is no such page for the person."""
    response = client.get(address, follow=True)
    return Page(response).text if response.status_code == 200 else ""


def test_no_page_of_the_admin_says_a_library_s_word(signed_in, owner, objects):
    client = signed_in(owner)
    found, seen = [], 0
    for address in pages(objects):
        words = shown(client, address)
        seen += bool(words)
        found += [f"{address}: {match[0]}" for match in NOT_OURS.finditer(words)]
    assert found == []
    assert seen > 50


def test_every_page_of_the_admin_has_one_clock(signed_in, owner, objects):
    client = signed_in(owner)
    client.post(
        f"/admin/practice/closure/{objects['practice/closure']}/change/",
        {"first_day": "2026-01-01", "last_day": "2026-01-02", "reason": "Leave"},
    )
    found, with_a_time = [], 0
    for address in pages(objects):
        words = shown(client, address)
        with_a_time += "Today " in words
        found += [f"{address}: {match[0]}" for match in OTHER_CLOCKS.finditer(words)]
    assert found == []
    assert with_a_time > 8


def test_a_list_still_sorts_by_a_moment_and_leads_on_from_it(signed_in, owner, objects):
    client = signed_in(owner)
    page = client.get("/admin/auditlog/logentry/?o=1").content.decode()
    assert '<th class="field-timestamp"' in page.replace('<th data-label="When"', "<th")
    assert "sorted ascending" in page
    assert re.search(r'field-timestamp[^>]*><a href="/admin/auditlog/logentry/\d+/change/', page)


def test_the_mail_queue_and_the_audit_log_filter_in_words_that_work(signed_in, owner, objects):
    client = signed_in(owner)

    def listed(query):
        return client.get(f"/admin/post_office/email/{query}").content.decode()

    mails = listed("")
    assert "?status__exact=0" in mails
    assert ">Waiting to be tried again</a>" in mails
    assert "b@example.com" in listed("?status__exact=0")
    assert "Nothing here matches." in listed("?status__exact=1")
    log = client.get("/admin/auditlog/logentry/?action__exact=0").content.decode()
    assert "Added" in log
    assert ">Second factor</a>" in log


def test_an_empty_list_says_so_kindly(signed_in, owner):
    client = signed_in(owner)
    for name, words in (
        ("practice/jobrun", "None has run yet."),
        ("practice/closure", "No closures yet."),
        ("post_office/email", "No email was queued yet."),
    ):
        page = client.get(f"/admin/{name}/").content.decode()
        assert words in page
        assert not re.search(r"\b0 [a-z]+", Page(client.get(f"/admin/{name}/")).text)


def test_each_model_has_its_place_on_the_overview(signed_in, owner):
    page = signed_in(owner).get("/admin/").content.decode()
    parts = page.partition('class="parts"')[2].partition("</nav>")[0]
    for model in admin.site._registry:
        address = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        assert parts.count(f'href="{address}"') == 1, address
    assert ">Change</a>" not in parts


def test_there_is_one_overview(signed_in, manager):
    client = signed_in(manager)
    assert client.get("/admin/procedures/")["Location"] == "/admin/"
    assert client.get("/admin/nothing/").status_code == 404


def test_an_editor_s_overview_shows_drafts_and_what_is_to_be_read_again(
    signed_in, editor, procedure, surgeon
):
    from practice.editing import revisions

    type(procedure).objects.create(
        name="Chin", slug="chin", category=procedure.category, summary="x"
    )
    revisions.keep_draft(procedure, revisions.snapshot(procedure), by=editor)
    Surgeon.objects.filter(pk=surgeon.pk).update(
        review_due=timezone.localdate() + timedelta(days=20)
    )
    page = signed_in(editor).get("/admin/").content.decode()
    drafts = page.partition(">Drafts<")[2].partition("</section>")[0]
    assert ">Chin</a>" in drafts
    assert f"/admin/procedures/procedure/{procedure.pk}/change/?draft" in drafts
    assert f">{surgeon.name}</a>" in page.partition(">Pages to read again<")[2]


def test_an_editor_with_nothing_to_do_is_told_so(signed_in, editor):
    page = Page(signed_in(editor).get("/admin/")).text
    assert "Everything that was written is published." in page
    assert "No review is due in the next month." in page


def test_whoever_may_change_no_page_hears_nothing_of_drafts(signed_in, coordinator, auditor):
    for person in (coordinator, auditor):
        assert "Drafts" not in signed_in(person).get("/admin/").content.decode()


def test_a_stopped_worker_says_what_it_means_and_whom_to_tell(signed_in, coordinator):
    page = Page(signed_in(coordinator).get("/admin/")).text
    assert "Stopped Background worker: never started. Tell whoever runs the server" in page
    assert "Working Mail queue" in page


def test_deleting_a_surgeon_names_pages_and_not_the_rows_that_join_them(
    signed_in, owner, surgeon, location
):
    surgeon.locations.add(location)
    page = signed_in(owner).get(f"/admin/practice/surgeon/{surgeon.pk}/delete/").content.decode()
    assert "relationship" not in page
    assert f"Delete “{surgeon.full_name}”?" in page


def test_a_role_keeps_what_it_allows_when_it_is_saved_unchanged(signed_in, owner):
    from django.contrib.auth.models import Group

    client = signed_in(owner)
    for role in Group.objects.all():
        before = set(role.permissions.values_list("pk", flat=True))
        page = client.get(f"/admin/auth/group/{role.pk}/change/").content.decode()
        offered = set(map(int, re.findall(r'name="permissions" value="(\d+)"[^>]*checked', page)))
        assert offered == before, role


def test_a_picture_is_shown_beside_its_field_unless_its_consent_forbids(
    signed_in, editor, procedure
):
    from tests import whole_site

    case = whole_site.add_case(procedure)
    address = f"/admin/procedures/procedure/{procedure.pk}/change/"
    client = signed_in(editor)
    shown = client.get(address).content.decode()
    assert f"/{case.before.name.removesuffix('.webp')}-w" in shown
    case.consent_revoked_on = timezone.localdate()
    case.save()
    page = client.get(address).content.decode()
    assert case.before.name not in page
    assert "no consent for it is in force" in page


def test_one_mail_cannot_be_changed_but_the_list_sends_again(signed_in, manager, objects):
    client = signed_in(manager)
    page = client.get(f"/admin/post_office/email/{objects['post_office/email']}/change/")
    assert 'name="_save"' not in page.content.decode()
    assert "Send again" in client.get("/admin/post_office/email/").content.decode()


def test_the_way_to_a_new_password_stands_under_the_box(client):
    page = client.get("/staff/login/").content.decode()
    assert page.count("Forgot your password?") == 1
    assert page.index('id="id_password"') < page.index("Forgot your password?")

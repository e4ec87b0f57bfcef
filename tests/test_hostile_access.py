"""What belongs to others is not reached by guessing, smuggling or uploading.

test_roles_matrix.py asks every address as every role; here are the ways around it.
"""

import pytest
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from post_office.models import Email

from consultations.models import Event, Photo, Presence
from consultations.patient_page import private_link
from consultations.views import RECEIPT
from tests import picture_files
from tests.conftest import PASSWORD
from tests.pages import Page
from tests.private_pages import contact_form

pytestmark = pytest.mark.django_db
REQUESTS = "/admin/consultations/consultationrequest/"


def client():
    return Client(raise_request_exception=False)


@pytest.fixture
def at_work(signed_in, coordinator):
    client = signed_in(coordinator)
    client.raise_request_exception = False
    return client


def text(response):
    return b"".join(response).decode(errors="replace")


# --- What belongs to others ------------------------------------------------------------------


@pytest.fixture
def theirs(a_request):
    return a_request(full_name="Somebody Else", message="Their secret.")


@pytest.fixture
def own(a_request, surgeon):
    return a_request(surgeon=surgeon)


@pytest.fixture
def for_surgeon(signed_in, surgeon_user):
    return signed_in(surgeon_user)


def tells_nothing_of(row, response):
    shown = text(response)
    assert row.full_name not in shown
    assert row.reference not in shown
    assert row.email not in shown


def test_a_request_that_one_may_not_see_cannot_be_merged_into(for_surgeon, own, theirs):
    for target in ({"into": theirs.pk}, {"reference": theirs.reference}):
        for response in (
            for_surgeon.get(f"{REQUESTS}{own.pk}/merge/", target, follow=True),
            for_surgeon.post(
                f"{REQUESTS}{own.pk}/merge/", target | {"seen_status": "new"}, follow=True
            ),
        ):
            assert theirs.full_name not in text(response)
            assert theirs.email not in text(response)
    own.refresh_from_db()
    assert own.duplicate_of is None


def test_photographs_and_mails_are_reached_through_their_own_request_only(for_surgeon, own, theirs):
    photo = Photo.objects.create(
        request=theirs, stored_as="x", width=1, height=1, bytes=1, digest="0"
    )
    assert for_surgeon.get(f"{REQUESTS}{own.pk}/photo/{photo.pk}/").status_code == 404
    mail = Email.objects.create(from_email="a@example.com", to=["b@example.com"], status=1)
    event = Event.objects.create(
        request=theirs, kind=Event.Kind.MAILED, by_name="System", details={"emails": [mail.pk]}
    )
    for_surgeon.post(f"{REQUESTS}{own.pk}/send-again/", {"event": event.pk})
    mail.refresh_from_db()
    assert mail.status == 1


@pytest.mark.parametrize("act", ["claim", "release", "close", "spam", "restore", "give"])
def test_numbers_smuggled_among_several_are_reported_as_not_found(
    for_surgeon, own, theirs, surgeon_user, act
):
    answers = {"act": act, "chosen": [own.pk, theirs.pk, 999], "sure": "yes"}
    answers |= {"reason": "no_reply", "note": "", "colleague": surgeon_user.pk}
    for response in (
        for_surgeon.post(f"{REQUESTS}several/", answers),
        for_surgeon.post(f"{REQUESTS}several/", {"act": act, "chosen": [own.pk, theirs.pk]}),
    ):
        tells_nothing_of(theirs, response)
    before = theirs.status
    theirs.refresh_from_db()
    assert (theirs.status, theirs.owner) == (before, None)


@pytest.mark.parametrize("number", ["9" * 30, "9" * 5000, "-1", "1e9", "\0", "١"])
def test_numbers_that_are_none_are_no_error_of_ours(at_work, theirs, number):
    answers = {
        "act": "claim",
        "chosen": number,
        "event": number,
        "into": number,
        "colleague": number,
    }
    for address in ("several/", f"{theirs.pk}/merge/", f"{theirs.pk}/send-again/"):
        assert at_work.post(f"{REQUESTS}{address}", answers).status_code < 500, address
    for address in (f"{theirs.pk}/give/", f"{theirs.pk}/claim/"):
        seen = answers | {"seen_owner": number, "seen_status": number, "seen_follow_up": number}
        assert at_work.post(f"{REQUESTS}{address}", seen).status_code < 500, address


def test_an_export_holds_no_row_that_its_maker_does_not_see(signed_in, surgeon_user, own, theirs):
    surgeon_user.user_permissions.add(Permission.objects.get(codename="export_request"))
    for_surgeon = signed_in(surgeon_user)
    for query in ("", "?view=all", "?q=Somebody", f"?q={theirs.reference}"):
        response = for_surgeon.post(
            f"{REQUESTS}export/{query}", {"kind": "csv", "reason": "A review of my own"}
        )
        assert response["Content-Type"].startswith("text/csv")
        found = text(response)
        assert theirs.reference not in found
        assert (own.reference in found) is (query in ("", "?view=all"))


@pytest.mark.parametrize(
    "page", ["letter/", "erase/", "merge/", "presence/", "change/", "history/"]
)
def test_pages_of_a_request_that_one_may_not_see(for_surgeon, theirs, page):
    for response in (
        for_surgeon.get(f"{REQUESTS}{theirs.pk}/{page}", follow=True),
        for_surgeon.post(f"{REQUESTS}{theirs.pk}/{page}", {"step": "preview"}, follow=True),
    ):
        assert theirs.full_name not in text(response)
        assert "Their secret" not in text(response)
    assert not Presence.objects.exists()


def test_a_private_link_reaches_its_own_request_only(a_request):
    mine, other = a_request(), a_request()
    page = private_link.path(mine)
    smuggled = {"id": other.pk, "pk": other.pk, "reference": other.reference, "request": other.pk}
    smuggled |= contact_form(mine, phone="+15125550199", email="new@example.com")
    smuggled |= {"contact-id": other.pk, "token": other.reference}
    visitor = client()
    for act in ("contact/", "withdraw/", "delete/", "photos/"):
        visitor.post(page + act, smuggled)
    before = other.email
    other.refresh_from_db()
    assert (other.status, other.email) == ("new", before)
    assert other.deletion_asked_at is None
    mine.refresh_from_db()
    assert mine.email == "new@example.com"  # Or nothing would have been tried.
    own, foreign = page.split("/")[3], private_link.path(other).split("/")[3]
    for guess in (own[:-1] + foreign[-1], own.swapcase(), own[:10], f"{own}{own}", other.reference):
        if guess != own:
            assert visitor.get(f"/consultation/request/{guess}/").status_code == 404


@pytest.mark.parametrize("change", ["{0}x", "x{0}", "{1}", "{1}:{2}", "{0}:{2}"])
def test_a_confirmation_cannot_be_asked_for_by_reference(a_request, change):
    mine, other = a_request(), a_request()
    signature = RECEIPT.sign(mine.reference).partition(":")[2]
    guess = change.format(RECEIPT.sign(mine.reference), other.reference, signature)
    assert client().get(f"/consultation/received/{guess}/").status_code == 404


@pytest.mark.parametrize("role", ["Coordinator", "Surgeon", "Auditor", None])
def test_drafts_are_seen_by_those_who_edit_them(
    procedure, surgeon, location, staff, signed_in, role
):
    for page in (procedure, surgeon, location):
        type(page).objects.filter(pk=page.pk).update(status="draft")
    visitor = signed_in(staff(role, "somebody")) if role else client()
    for page in (procedure, surgeon, location):
        address = page.get_absolute_url()
        for query in ("", "?preview", "?preview=1", "?preview=true&version=1", "?PREVIEW"):
            assert visitor.get(address + query).status_code == 404, address + query


@pytest.mark.parametrize(
    "address",
    [
        "/admin/practice/user/?password__startswith=pbkdf2",
        "/admin/practice/user/?sessions__session_data__startswith=a",
        "/admin/practice/user/?authenticator__data__icontains=a",
        "/admin/practice/user/?_to_field=password",
        "/admin/practice/surgeon/?user__password__startswith=a",
        "/admin/autocomplete/?app_label=practice&model_name=user&field_name=password&term=a",
    ],
)
def test_lists_are_not_filtered_by_what_they_do_not_show(
    practice, signed_in, django_user_model, address
):
    owner = django_user_model.objects.create_superuser("owner", "owner@example.com", PASSWORD)
    visitor = signed_in(owner)
    visitor.raise_request_exception = False
    response = visitor.get(address)
    assert response.status_code in (302, 400, 403, 404)


# --- Files -----------------------------------------------------------------------------------


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("hero.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
        ("hero.jpg", b"<html><script>alert(1)</script></html>"),
        ("hero.html", b"<script>alert(1)</script>"),
        ("hero.jpg", b"\xff\xd8\xff<script>alert(1)</script>"),
        ("hero.png", b"GIF89a/*<script>alert(1)</script>"),
        ("hero.jpg", picture_files.claiming(60_000, 60_000)),
    ],
)
def test_what_is_no_picture_does_not_become_one_in_the_admin(
    signed_in, editor, procedure, name, data
):
    visitor = signed_in(editor)
    address = f"/admin/procedures/procedure/{procedure.pk}/change/"
    answers = Page(visitor.get(address)).fields
    answers["hero"], answers["hero_alt"] = ContentFile(data, name), "A room."
    response = visitor.post(address, answers)
    assert response.status_code == 200
    assert "hero" in response.context["adminform"].form.errors
    procedure.refresh_from_db()
    assert not procedure.hero


@pytest.mark.once
@pytest.mark.parametrize("name", ["evil.html", "evil.svg", "evil.xhtml", "evil.js", "evil.pdf"])
def test_whatever_lies_among_the_pictures_does_not_act(practice, name):
    data = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    stored = default_storage.save(name, ContentFile(data))
    response = client().get(f"/media/{stored}")
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert policy.endswith("sandbox")
    assert "script-src" not in policy
    assert response["X-Content-Type-Options"] == "nosniff"
    default_storage.delete(stored)

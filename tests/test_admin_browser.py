"""The admin in a real browser: without scripts, by keyboard, on a phone, under axe."""

import pytest

from consultations.models import Event

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
REQUESTS = "/admin/consultations/consultationrequest/"
PHONE = {"width": 320, "height": 640}
DESK = {"width": 1280, "height": 900}


@pytest.fixture
def owner(django_user_model):
    from tests.conftest import PASSWORD

    return django_user_model.objects.create_superuser("owner", "owner@example.com", PASSWORD)


@pytest.fixture
def inbox(a_request, coordinator, procedure, surgeon):
    """Requests in every state, the first of them new and nobody's."""
    first = a_request(
        full_name="Ada Patient", procedure=procedure, procedure_version=1, surgeon=surgeon
    )
    a_request(full_name="Ada Patient", email=first.email, owner=coordinator, status="attempting")
    for status in ("in_contact", "booked", "closed", "quarantined", "spam"):
        a_request(status=status)
    return first


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_fits(
    open_page, sign_in, owner, inbox, procedure, location, axe, viewport, scheme
):
    page = open_page(viewport=viewport, color_scheme=scheme)
    sign_in(page, owner)
    for address in (
        "/admin/",
        REQUESTS,
        f"{REQUESTS}?view=quarantine",
        f"{REQUESTS}{inbox.pk}/change/",
        f"/admin/procedures/procedure/{procedure.pk}/change/",
        "/admin/procedures/procedure/",
        f"/admin/practice/location/{location.pk}/change/",
        "/admin/practice/practice/1/change/",
        f"/admin/practice/user/{owner.pk}/change/",
        "/admin/auth/group/",
        "/admin/auditlog/logentry/",
        "/admin/post_office/email/",
    ):
        page.goto(address)
        assert axe(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], address


def test_a_failed_act_is_accessible(open_page, sign_in, coordinator, inbox, axe, problems):
    problems.allow("400 (Bad Request)")
    page = open_page(viewport=DESK)
    sign_in(page, coordinator)
    page.goto(f"{REQUESTS}{inbox.pk}/change/")
    page.get_by_text("Close this request").click()
    page.fill("#id_work_note", "She asked for time.")
    page.get_by_role("button", name="Close request").click()
    assert page.get_by_role("alert").get_by_text("Choose why this request is closed.").is_visible()
    assert page.input_value("#id_work_note") == "She asked for time."
    assert axe(page) == []


def test_triage_without_scripts(open_page, sign_in, coordinator, inbox):
    page = open_page(viewport=PHONE, java_script_enabled=False)
    sign_in(page, coordinator)
    page.goto(f"{REQUESTS}?view=unassigned")
    page.get_by_role("button", name="Claim Ada Patient").click()
    assert page.get_by_text(f"{inbox.reference} is yours.").is_visible()
    page.goto(f"{REQUESTS}?view=mine")
    page.locator(f"a[href$='/{inbox.pk}/change/']").click()
    page.fill("#id_work_note", "Talked about the nose.")
    page.get_by_role("button", name="Reached the patient").click()
    inbox.refresh_from_db()
    assert (inbox.status, inbox.owner) == ("in_contact", coordinator)
    assert page.get_by_text("Talked about the nose.").is_visible()


def test_enter_in_the_date_saves_no_contact(page, sign_in, coordinator, inbox, problems):
    problems.allow("400 (Bad Request)")
    sign_in(page, coordinator)
    page.goto(f"{REQUESTS}{inbox.pk}/change/")
    page.focus("#id_work_follow_up_on")
    page.keyboard.press("Enter")
    page.get_by_role("alert").get_by_text("Write the note before saving it.").wait_for()
    assert not Event.objects.filter(request=inbox, kind="contacted").exists()


def test_leaving_with_a_correction_half_typed_is_asked_about(page, sign_in, coordinator, inbox):
    sign_in(page, coordinator)
    page.goto(f"{REQUESTS}{inbox.pk}/change/")
    page.get_by_text("Correct how to reach them").click()
    page.fill("#id_correct_preferred_name", "Addie")
    asked = []
    page.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.get_by_role("button", name="No answer").click()
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    assert page.input_value("#id_correct_preferred_name") == "Addie"
    assert not Event.objects.filter(request=inbox, kind="contacted").exists()
    # The form that is sent is not asked about.
    page.once("dialog", lambda dialog: (asked.append("again"), dialog.accept()))
    page.get_by_role("button", name="Save the correction").click()
    page.get_by_text("The correction is saved.").wait_for()
    assert asked == ["beforeunload"]


def test_the_arithmetic_opens_by_keyboard(page, sign_in, coordinator, inbox):
    sign_in(page, coordinator)
    page.goto(REQUESTS)
    words = page.get_by_text("of opening hours between").first
    assert not words.is_visible()
    page.locator(".requests summary").first.focus()
    page.keyboard.press("Enter")
    assert words.is_visible()


def test_main_targets_are_large_enough(page, sign_in, coordinator, inbox):
    page.set_viewport_size(PHONE)
    sign_in(page, coordinator)
    for address in (REQUESTS, f"{REQUESTS}{inbox.pk}/change/"):
        page.goto(address)
        small = page.evaluate(
            """() => [...document.querySelectorAll("main :is(button, a.way, .tabs a)")]
            .filter(each => each.offsetParent && !each.ariaHidden)
            .map(each => [each.textContent.trim(), each.getBoundingClientRect().height])
            .filter(([, height]) => height < 44)"""
        )
        assert small == []


def test_on_a_phone_a_request_takes_little_room_and_the_views_one_row(
    open_page, sign_in, coordinator, inbox
):
    page = open_page(viewport={"width": 360, "height": 740})
    sign_in(page, coordinator)
    page.goto(f"{REQUESTS}?view=unassigned")
    cards = page.locator(".requests tbody tr").evaluate_all(
        "rows => rows.map(row => row.getBoundingClientRect().height)"
    )
    assert max(cards) < 160
    assert page.locator(".tabs").evaluate("each => each.getBoundingClientRect().height") < 70
    # The view one is in is in sight, even the last of them.
    page.goto(f"{REQUESTS}?view=all")
    place = page.locator(".tabs [aria-current]").evaluate(
        "each => each.getBoundingClientRect().right"
    )
    assert place <= 360


def test_one_tick_ticks_the_page(page, sign_in, coordinator, inbox):
    sign_in(page, coordinator)
    page.goto(REQUESTS)
    page.get_by_label("Tick all on this page").check()
    ticks = page.locator(".requests tbody .tick input")
    number = ticks.count()
    assert number > 1
    assert ticks.evaluate_all("ticks => ticks.every(tick => tick.checked)")
    ticks.first.uncheck()
    assert not page.get_by_label("Tick all on this page").is_checked()
    page.get_by_text(f"With the {number - 1} ticked").wait_for()


def test_signing_out(page, sign_in, coordinator, inbox):
    sign_in(page, coordinator)
    page.goto("/admin/")
    page.get_by_role("button", name="Sign out").click()
    page.goto(REQUESTS)
    assert "/staff/login/" in page.url

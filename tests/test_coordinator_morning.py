"""A coordinator's morning in a real browser, and every page of it under axe."""

from datetime import timedelta

import pytest
from django.utils import timezone
from PIL import Image

from consultations import photos, triage
from consultations.models import ConsultationRequest, Event, ReplyTemplate
from consultations.timeline import PATIENT

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
REQUESTS = "/admin/consultations/consultationrequest/"
PHONE = {"width": 320, "height": 640}
DESK = {"width": 1280, "height": 900}


def page_of(row):
    return f"{REQUESTS}{row.pk}/change/"


@pytest.fixture
def ten(a_request, procedure):
    """Ten requests of mixed age; number 8 is the first person again, number 9 looks like spam."""
    rows = [
        a_request(
            full_name=f"Person {number}",
            received_at=timezone.now() - timedelta(hours=13 * number),
            procedure=procedure,
            status="quarantined" if number == 9 else "new",
        )
        for number in range(10)
    ]
    ConsultationRequest.objects.filter(pk=rows[8].pk).update(
        full_name="Person 0", email=rows[0].email, phone=rows[0].phone
    )
    return rows


def test_a_morning(page, sign_in, coordinator, ten):
    """Given ten requests, when the coordinator has had her coffee, then none waits."""
    sign_in(page, coordinator)
    # One was held back and is a person: back into the inbox it goes.
    page.goto(f"{REQUESTS}?view=quarantine")
    page.get_by_role("link", name="Person 9").click()
    page.get_by_role("button", name="Not spam: put it in the inbox").click()
    page.get_by_text("is “New” now").wait_for()
    # One is the same person again: merged, undone, merged for good.
    page.goto(page_of(ten[8]))
    page.get_by_role("link", name=f"Merge this into {ten[0].reference}").click()
    page.get_by_role("button", name=f"Merge into {ten[0].reference}").click()
    page.get_by_role("heading", name="Merged into this").wait_for()
    assert page.get_by_text("What patient 9 wrote.").is_visible()
    page.get_by_role("button", name="Undo the merge").click()
    page.get_by_text("is a request of its own again").wait_for()
    page.goto(page_of(ten[8]))
    page.get_by_role("link", name=f"Merge this into {ten[0].reference}").click()
    page.get_by_role("button", name=f"Merge into {ten[0].reference}").click()
    page.get_by_role("heading", name="Merged into this").wait_for()
    # Late first: take the top of the list until nobody waits.
    for _ in range(9):
        page.goto(f"{REQUESTS}?view=unassigned")
        page.keyboard.press("j")
        page.keyboard.press("c")
        page.get_by_text("is yours.").wait_for()
    for row in ConsultationRequest.objects.filter(owner=coordinator).order_by("received_at"):
        page.goto(page_of(row))
        page.fill("#id_work_note", "Spoke about a time.")
        outcome = "Reached the patient" if row.pk % 2 else "No answer"
        page.get_by_role("button", name=outcome).click()
        page.get_by_text("The contact is saved.").wait_for()
    page.goto(f"{REQUESTS}?view=late")
    page.get_by_text("Nobody is waiting longer than promised.").wait_for()
    assert not ConsultationRequest.objects.awaiting_first_response().exists()
    assert ConsultationRequest.objects.get(pk=ten[8].pk).duplicate_of_id == ten[0].pk
    assert Event.objects.filter(kind="unmerged").count() == 2


def test_two_people_in_one_request(open_page, sign_in, coordinator, colleague, ten, problems, axe):
    problems.allow("409 (Conflict)")
    hers, his = open_page(), open_page(viewport=PHONE)
    sign_in(hers, coordinator)
    sign_in(his, colleague)
    hers.goto(page_of(ten[0]))
    his.goto(page_of(ten[0]))
    assert his.get_by_text("Carla Coordinator has this open now.").is_visible()
    hers.get_by_text("Colin Coordinator has this open now.").wait_for(timeout=15_000)
    # Both save; the second keeps every word and sees what the first did.
    hers.get_by_text("Change the state").click()
    hers.get_by_role("button", name="Trying to reach").click()
    hers.get_by_text("is “Trying to reach” now").wait_for()
    his.get_by_text("Close this request").click()
    his.get_by_label("Patient declined").check()
    his.fill("#id_work_note", "She told me on the phone.")
    his.get_by_role("button", name="Close request").click()
    problem = his.get_by_role("alert")
    problem.get_by_text("Carla Coordinator changed this request meanwhile").wait_for()
    assert problem.get_by_role("cell", name="Trying to reach").is_visible()
    assert axe(his) == []
    assert his.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert his.input_value("#id_work_note") == "She told me on the phone."
    assert his.get_by_label("Patient declined").is_checked()
    his.get_by_role("button", name="Close request").click()
    his.get_by_text("is closed.").wait_for()
    # Who leaves is gone at once, not only when the time is over.
    his.goto(REQUESTS)
    hers.reload()
    assert not hers.get_by_text("has this open now").is_visible()


def test_the_inbox_by_keyboard(page, sign_in, coordinator, ten):
    sign_in(page, coordinator)
    page.goto(REQUESTS)
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keyboard").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    first = page.locator(".requests tbody tr").first
    assert first.locator(".person a").evaluate("each => each === document.activeElement")
    assert "is-here" in first.get_attribute("class")
    name = first.locator(".person a").inner_text()
    page.keyboard.press("/")
    page.keyboard.type("jkco?")
    assert page.input_value("#id_q") == "jkco?"
    first.locator(".person a").focus()
    page.keyboard.press("o")
    page.get_by_role("heading", name=name, exact=True).wait_for()


@pytest.fixture
def full(ten, coordinator, colleague):
    """A request with all that its page can show."""
    row = ten[0]
    photos.add(row, [("Front", Image.new("RGB", (60, 40), "red"))], by=PATIENT)
    triage.merge(ConsultationRequest.objects.get(pk=ten[8].pk), row, by=coordinator)
    triage.add_note(row, "A note.", by=colleague)
    ConsultationRequest.objects.filter(pk=row.pk).update(
        deletion_asked_at=timezone.now(), legal_hold=False, is_under_18=True
    )
    ReplyTemplate.objects.create(
        name="Hello", subject="Hello", body="Hello {name}, about Rhinoplasty"
    )
    return row


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_fits(
    open_page, sign_in, manager, full, ten, axe, viewport, scheme
):
    page = open_page(viewport=viewport, color_scheme=scheme)

    def check(what):
        assert axe(page) == [], what
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= viewport["width"], what

    page.goto("/staff/login/")
    check("sign-in")
    sign_in(page, manager)
    template = ReplyTemplate.objects.get().pk
    for address in (
        "/admin/",
        REQUESTS,
        f"{REQUESTS}?view=from-patients",
        page_of(full),
        page_of(ten[8]),
        f"{REQUESTS}{ten[1].pk}/merge/?into={full.pk}",
        f"{REQUESTS}export/",
        f"{REQUESTS}{full.pk}/erase/",
        f"{REQUESTS}{full.pk}/letter/?template={template}",
    ):
        page.goto(address)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        check(address)
    page.get_by_role("button", name="Preview").click()
    page.get_by_label("Send it all the same").wait_for()
    check("letter preview")
    page.goto(REQUESTS)
    page.keyboard.press("?")
    check("keyboard help")

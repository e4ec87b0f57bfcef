"""The admin's stock pages on a phone, in a real browser: nothing is cut, all is reached."""

import pytest
from django.contrib import admin

from tests import admin_addresses

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SMALL = {"width": 320, "height": 640}
PHONE = {"width": 360, "height": 740}
# Whatever stands out of the screen without lying in something that scrolls.
CUT = """() => [...document.querySelectorAll("main *")]
    .filter(each => each.matches("a, button, input, select, textarea, td, th, p, h1"))
    .filter(each => each.checkVisibility({visibilityProperty: true}))
    .filter(each => !each.closest("dialog, .visually-hidden, [aria-hidden]"))
    .map(each => [each, each.getBoundingClientRect()])
    .filter(([, box]) => box.width > 1 && (box.right > innerWidth + 1 || box.left < -1))
    .map(([each, box]) => `${each.tagName} ${each.id || each.textContent}: to ${box.right}`)"""


@pytest.fixture
def owner(django_user_model):
    from tests.conftest import PASSWORD

    return django_user_model.objects.create_superuser("owner", "owner@example.com", PASSWORD)


@pytest.fixture
def objects(a_request, procedure, surgeon, location, django_user_model):
    from allauth.mfa.models import Authenticator
    from django.utils import timezone

    from practice.models import Closure

    day = timezone.localdate()
    Closure.objects.create(reason="Training", first_day=day, last_day=day)
    dora = django_user_model.objects.create_user("dora", "dora@example.com", "x" * 14)
    Authenticator.objects.create(user=dora, type=Authenticator.Type.TOTP, data={})
    return admin_addresses.keys(a_request(procedure=procedure))


def stock_pages(objects):
    for model in admin.site._registry:
        name = f"{model._meta.app_label}/{model._meta.model_name}"
        if name != "consultations/consultationrequest":
            yield f"/admin/{name}/"
            yield f"/admin/{name}/{objects[name]}/change/"
            yield f"/admin/{name}/{objects[name]}/history/"
    for page in ("practice/closure", "procedures/category"):
        yield f"/admin/{page}/{objects[page]}/delete/"
    yield f"/admin/practice/user/{objects['practice/user']}/password/"


def test_no_page_scrolls_sideways_or_is_cut_on_a_small_phone(open_page, sign_in, owner, objects):
    page = open_page(viewport=SMALL)
    sign_in(page, owner)
    page.goto("/admin/")
    wrong, seen = [], 0
    for address in ("/admin/", *stock_pages(objects)):
        page.goto(address)
        seen += 1
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > SMALL["width"]:
            wrong.append(f"{address}: {width} px wide")
        wrong += [f"{address}: {each}" for each in page.evaluate(CUT)]
    assert wrong == []
    assert seen > 30


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lists_histories_and_questions_are_accessible_as_cards(
    open_page, sign_in, owner, objects, axe, scheme
):
    page = open_page(viewport=PHONE, color_scheme=scheme)
    sign_in(page, owner)
    for address in (
        "/admin/",
        "/admin/procedures/procedure/",
        "/admin/post_office/email/",
        "/admin/practice/user/",
        f"/admin/practice/closure/{objects['practice/closure']}/delete/",
        f"/admin/practice/closure/{objects['practice/closure']}/history/",
    ):
        page.goto(address)
        assert axe(page) == [], address


def test_search_and_its_button_stand_in_one_row(page, sign_in, owner, objects):
    page.set_viewport_size(PHONE)
    sign_in(page, owner)
    page.goto("/admin/procedures/procedure/")
    box, button = page.locator("#searchbar"), page.locator("#changelist-search [type=submit]")
    box, button = box.bounding_box(), button.bounding_box()
    assert abs(box["y"] - button["y"]) < 2
    assert abs(box["height"] - button["height"]) < 2
    assert box["width"] > 200


def test_a_row_is_a_card_that_names_what_it_shows_and_sorts_by_keyboard(
    page, sign_in, owner, objects
):
    page.set_viewport_size(PHONE)
    sign_in(page, owner)
    page.goto("/admin/practice/user/")
    card = page.locator("#result_list tbody tr").first
    label = "cell => getComputedStyle(cell, '::before').content"
    assert card.locator(".field-email").evaluate(label) == '"Email"'
    assert card.locator(".field-is_active img").is_visible()
    page.locator("#result_list thead").get_by_role("link", name="Email").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/user/?o=3*")
    page.get_by_role("link", name="Filter this list").focus()
    page.keyboard.press("Enter")
    assert page.locator("#changelist-filter").evaluate(
        "each => each.getBoundingClientRect().top < innerHeight"
    )


def test_the_overview_keeps_names_and_links_together(open_page, sign_in, owner, objects):
    page = open_page(viewport={"width": 1280, "height": 900})
    sign_in(page, owner)
    page.goto("/admin/")
    parts = page.locator(".parts")
    lefts = parts.locator("section").evaluate_all(
        """sections => sections.map(section => new Set([...section.querySelectorAll("h2, a")]
            .map(each => Math.round(each.getBoundingClientRect().left))).size)"""
    )
    assert lefts == [1, 1, 1, 1]


def test_the_button_says_what_it_does_to_what_patients_see(page, sign_in, owner, procedure):
    sign_in(page, owner)
    page.goto(f"/admin/procedures/procedure/{procedure.pk}/change/")
    button = page.locator("input[name=_save]").first
    assert button.input_value() == "Publish changes"
    page.select_option("#id_status", "withdrawn")
    assert button.input_value() == "Withdraw the page"
    page.select_option("#id_status", "published")
    assert button.input_value() == "Publish changes"

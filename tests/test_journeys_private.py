"""The patient's private page in a real browser."""

import pytest
from playwright.sync_api import expect

from consultations import photos
from consultations.models import ConsultationRequest
from tests import picture_files
from tests.journeys import FORM, MESSAGE, fill_in, reference_on, send

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_patient_adds_pictures_corrects_the_number_and_withdraws(
    open_page, procedure, scripts, problems
):
    # Given somebody who has just asked
    page = open_page(java_script_enabled=scripts)
    page.goto(f"{FORM}?procedure=rhinoplasty")
    fill_in(page)
    send(page)
    reference = reference_on(page)
    page.get_by_role("link", name="Open your private page").click()
    page.get_by_role("heading", name="Your request", exact=True).wait_for()

    def check():
        """At every step the page shows the reference, and nothing of what was written."""
        expect(page.get_by_text(reference).first).to_be_visible()
        assert "SECRET-OF-MY-NOSE" not in page.content()
        assert MESSAGE not in page.content()
        return ConsultationRequest.objects.get(reference=reference)

    assert check().status in ("new", "quarantined")

    # When they add two pictures, in the views that this operation asks for
    page.get_by_label("From the front").set_input_files(picture("IMG_0001.JPG"))
    page.get_by_label("From the left").set_input_files(picture("IMG_0002.JPG"))
    page.get_by_role("button", name="Send photographs").click()
    expect(page.get_by_text("Thank you. We have 2 photographs.")).to_be_visible()
    stored = check()
    assert [photo.view for photo in stored.photos.all()] == ["From the front", "From the left"]
    for photo in stored.photos.all():
        assert photos.read(photo).startswith(b"\xff\xd8")

    # And something that is no picture
    problems.allow("422 (Unprocessable")
    bad = {"name": "notes.jpg", "mimeType": "image/jpeg", "buffer": b"Hello"}
    expect(page.get_by_label("From the front")).to_have_count(0)
    page.get_by_label("Another photograph").set_input_files(bad)
    page.get_by_role("button", name="Send photographs").click()
    expect(page.get_by_text("not a picture we can read").first).to_be_visible()
    assert page.title().startswith("Error: ")
    assert check().photos.count() == 2

    # And correct their number, first with a slip
    page.get_by_label("Phone number").fill("555-0199")
    page.get_by_role("button", name="Save the correction").click()
    expect(page.get_by_text("Enter a phone number with its area code").first).to_be_visible()
    assert page.get_by_label("Phone number").input_value() == "555-0199"
    page.get_by_label("Phone number").fill("512 555 0199")
    page.get_by_role("button", name="Save the correction").click()
    expect(page.get_by_text("We will use the corrected details")).to_be_visible()
    assert check().phone.as_e164 == "+15125550199"

    # And withdraw
    page.get_by_text("Withdraw this request").click()
    page.get_by_role("button", name="Withdraw my request").click()
    expect(page.get_by_text("Your request is withdrawn.")).to_be_visible()
    stored = check()
    assert (stored.status, stored.close_reason) == ("closed", "withdrawn")

    # Then nothing is left to add or to withdraw
    expect(page.get_by_role("button", name="Send photographs")).to_have_count(0)
    expect(page.get_by_text("Withdraw this request")).to_have_count(0)


def picture(name):
    return {"name": name, "mimeType": "image/jpeg", "buffer": picture_files.from_a_phone()}

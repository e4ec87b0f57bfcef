"""A patient with two open requests: who works on one sees what was said in the other."""

from datetime import timedelta

import pytest
from django.utils import timezone

from consultations import privacy
from consultations.models import ConsultationRequest
from consultations.patient_page import patient_acts
from tests.private_pages import correct

pytestmark = pytest.mark.django_db
REQUESTS = "/admin/consultations/consultationrequest/"
ADA = {"email": "ada@example.com", "phone": "+15125550142"}


@pytest.fixture
def two(a_request):
    return a_request(**ADA), a_request(**ADA)


@pytest.fixture
def same_person(two, signed_in, coordinator):
    """What the page of the first says about the second."""
    client = signed_in(coordinator)

    def same_person():
        page = client.get(f"{REQUESTS}{two[0].pk}/change/").content.decode()
        return page.partition('id="others-heading"')[2].partition("</section>")[0]

    return same_person


def test_where_both_say_the_same_nothing_is_added(two, same_person):
    assert two[1].reference in same_person()
    assert "Given there" not in same_person()


def test_a_new_number_in_the_other_is_shown(client, two, same_person):
    correct(client, two[1], phone="(512) 555-0199")

    assert "+1 512-555-0199" in same_person().partition("Given there")[2]


def test_a_new_address_in_the_other_is_shown(client, two, same_person):
    correct(client, two[1], email="new@example.com")

    assert "new@example.com" in same_person().partition("Given there")[2]


def test_who_has_withdrawn_the_other_is_not_called_unawares(two, same_person):
    assert "Withdrawn by the patient" not in same_person()

    patient_acts.withdraw(two[1])

    assert "Withdrawn by the patient" in same_person()


def test_who_wants_the_other_deleted_is_not_called_unawares(two, same_person):
    patient_acts.ask_for_deletion(two[1])

    assert "The patient asked for the deletion of that one" in same_person()


def test_a_closed_one_goes_at_its_time_though_another_of_the_person_is_open(two):
    """As patients are told; what is still needed is merged or held."""
    over, still_open = two
    ConsultationRequest.objects.filter(pk=over.pk).update(
        status="closed", close_reason="declined", closed_at=timezone.now() - timedelta(days=5000)
    )

    privacy.apply_retention()

    assert list(ConsultationRequest.objects.all()) == [still_open]

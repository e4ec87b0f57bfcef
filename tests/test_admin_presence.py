"""Who has a request open: asked for every ten seconds, forgotten after fifteen."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from consultations.models import Presence

REQUESTS = "/admin/consultations/consultationrequest/"


@pytest.fixture
def row(a_request):
    return a_request()


def poll(client, row, **sent):
    return client.post(f"{REQUESTS}{row.pk}/presence/", sent)


def test_two_people_see_each_other(signed_in, coordinator, colleague, row):
    assert poll(signed_in(coordinator), row).json() == {"others": []}
    assert poll(signed_in(colleague), row).json() == {"others": ["Carla Coordinator"]}
    assert poll(signed_in(coordinator), row).json() == {"others": ["Colin Coordinator"]}


def test_the_page_itself_says_who_is_there_without_scripts(signed_in, coordinator, colleague, row):
    signed_in(colleague).get(f"{REQUESTS}{row.pk}/change/")
    shown = signed_in(coordinator).get(f"{REQUESTS}{row.pk}/change/").content.decode()
    assert "Colin Coordinator has this open now." in shown


def test_who_left_is_gone_at_once(signed_in, coordinator, colleague, row):
    poll(signed_in(colleague), row)
    poll(signed_in(colleague), row, gone="yes")
    assert poll(signed_in(coordinator), row).json() == {"others": []}


def test_who_was_not_heard_of_is_gone_after_fifteen_seconds(signed_in, coordinator, colleague, row):
    poll(signed_in(colleague), row)
    with time_machine.travel(timezone.now() + timedelta(seconds=16), tick=False):
        assert poll(signed_in(coordinator), row).json() == {"others": []}


def test_polling_twice_is_one_row(signed_in, coordinator, row):
    client = signed_in(coordinator)
    poll(client, row)
    poll(client, row)
    assert Presence.objects.count() == 1


def test_polling_needs_post_and_a_token(signed_in, coordinator, row):
    assert signed_in(coordinator).get(f"{REQUESTS}{row.pk}/presence/").status_code == 302
    signed_in(coordinator)  # Has a second factor now.
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(coordinator)
    assert poll(strict, row).status_code == 403


def test_answers_are_not_kept(signed_in, coordinator, row):
    assert "no-store" in poll(signed_in(coordinator), row)["Cache-Control"]

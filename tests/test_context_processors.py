"""What a process remembers of the practice, for the day when the database is gone."""

import re

import pytest
from django.db import OperationalError
from django.test import Client

from practice import context_processors, page_cache
from practice.models import Location, Practice
from tests.wsgi_visitor import Site, in_the_tests_own_transaction

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def remembered(monkeypatch):
    monkeypatch.setattr(context_processors, "_last_known", found := {})
    return found


def test_a_page_that_was_made_while_the_database_failed_is_not_kept(procedure, monkeypatch):
    def fails():
        raise OperationalError

    with in_the_tests_own_transaction():
        site = Site()
        with monkeypatch.context() as here:
            here.setattr(Practice, "current", staticmethod(fails))
            site.ask("/site.webmanifest")

        assert "Example Surgery" in site.ask("/site.webmanifest").text


def test_a_draft_that_somebody_previews_is_not_remembered(
    procedure, location, signed_in, editor, remembered
):
    Location.objects.update(status="draft")
    Client().get("/")
    assert remembered["main_location"] is None

    assert signed_in(editor).get(f"{location.get_absolute_url()}?preview").status_code == 200

    assert remembered["main_location"] is None


def test_who_gets_pages_from_other_processes_knows_the_phone_number_of_today(
    procedure, monkeypatch
):
    redis, memories = {}, ({}, {})
    shared = page_cache.SharedPages
    monkeypatch.setattr(shared, "get", lambda _, *key: redis.get(key))
    monkeypatch.setattr(shared, "put", lambda _, *all: redis.update({all[:2]: all[2]}))
    sites = (Site(), Site())

    def ask(number):
        """One of two processes, each with a memory of its own."""
        monkeypatch.setattr(context_processors, "_last_known", memories[number])
        return re.sub(r"\D", "", sites[number].ask("/").text)

    with in_the_tests_own_transaction():
        ask(1), ask(0)
        Practice.objects.update(phone="+15125550177")
        ask(0), ask(0)

        assert "5125550177" in ask(1)
        assert str(memories[1]["practice"].phone.as_e164) == "+15125550177"

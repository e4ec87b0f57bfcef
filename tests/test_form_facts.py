"""What the form keeps in the process is as true as if it were fetched for each visit."""

import re
import sys
import threading
from datetime import time, timedelta

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consultations import form_facts
from consultations.models import ConsultationRequest
from consultations.patient_page import private_link
from practice.caching import edition
from practice.models import OpeningHours
from procedures.models import Procedure

pytestmark = pytest.mark.django_db
FORM = "/consultation/"


def shown(path=FORM):
    return Client().get(path).content.decode()


def test_a_new_name_is_in_the_form_at_the_next_visit(practice, procedure):
    assert "Rhinoplasty" in shown()
    procedure.name = "Nose surgery"
    procedure.save()
    page = shown()
    assert "Nose surgery" in page
    assert "Rhinoplasty" not in page


def test_a_change_that_bypasses_the_models_is_noticed_as_well(practice, procedure):
    assert "Rhinoplasty" in shown()
    Procedure.objects.update(name="Nose surgery")
    assert "Nose surgery" in shown()


def test_a_page_that_was_withdrawn_is_neither_offered_nor_accepted(practice, procedure, answers):
    shown()
    Procedure.objects.update(status="withdrawn")
    assert "Rhinoplasty" not in shown()
    response = Client().post(FORM, answers | {"procedure": procedure.pk})
    assert response.status_code == 200
    assert "That choice is not one of the available choices." in response.content.decode()


def test_a_scheduled_page_is_offered_at_its_time_and_not_before(practice, procedure):
    start = timezone.now() + timedelta(hours=1)
    Procedure.objects.update(status="scheduled", publish_at=start)
    assert "Rhinoplasty" not in shown()
    with time_machine.travel(start - timedelta(seconds=1), tick=False):
        assert "Rhinoplasty" not in shown()
    with time_machine.travel(start, tick=False):
        assert "Rhinoplasty" in shown()


def test_each_visit_has_its_own_ticket_and_its_own_choice(practice, procedure, surgeon):
    pages = [
        shown(),
        shown(),
        shown(f"{FORM}?procedure={procedure.slug}"),
        shown(f"{FORM}?surgeon={surgeon.slug}"),
        shown(),
    ]
    tickets = [re.search(r'name="token" value="([^"]+)"', page)[1] for page in pages]
    assert len(set(tickets)) == 5
    chosen = [re.findall(r'<option value="(\d+)" selected', page) for page in pages]
    assert chosen == [[], [], [str(procedure.pk)], [str(surgeon.pk)], []]


def test_the_token_against_forged_forms_is_each_visitor_s_own(practice, answers):
    visitors = [Client(enforce_csrf_checks=True) for _ in range(2)]
    tokens = [
        re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
        for page in (visitor.get(FORM).content.decode() for visitor in visitors)
    ]
    assert [visitor.post(FORM, answers).status_code for visitor in visitors] == [403, 403]
    own = answers | {"csrfmiddlewaretoken": tokens[0]}
    assert visitors[1].post(FORM, own).status_code == 403
    assert visitors[0].post(FORM, own).status_code == 302


def test_what_one_patient_typed_is_on_nobody_else_s_form(practice, answers):
    shown()
    Client().post(FORM, answers | {"full_name": "Marker Person", "message": ""})
    assert "Marker Person" not in shown()


def test_new_opening_hours_hold_for_the_next_request(practice, location, answers):
    Client().post(FORM, answers)
    OpeningHours.objects.filter(location=location).update(opens=time(0), closes=time(0, 30))
    Client().post(FORM, answers | {"message": "Another one."})
    first, second = ConsultationRequest.objects.order_by("pk")
    assert second.respond_by - first.respond_by > timedelta(days=1)


def test_each_confirmation_shows_its_own_request_and_nobody_else_s(practice, answers):
    own = [
        {"email": "ada@example.com"},
        {"email": "bob@gmial.com", "full_name": "Bob"},
        {"email": "cid@example.com", "full_name": "Cid"},
        {"email": "dan@gmial.com", "full_name": "Dan"},
    ]
    addresses = [Client().post(FORM, answers | each)["Location"] for each in own]
    requests = list(ConsultationRequest.objects.order_by("pk"))
    pages = [shown(address) for address in addresses]
    for mine, page, address, person in zip(requests, pages, addresses, own, strict=True):
        assert page.count(mine.reference) >= 1
        assert private_link.path(mine) in page
        assert f'<link rel="canonical" href="https://testserver{address}">' in page
        assert ("Did you mean" in page) is ("gmial" in person["email"])
        assert (person["email"] in page) is ("gmial" in person["email"])
        for other in requests:
            if other != mine:
                assert other.reference not in page
                assert private_link.path(other) not in page
                assert other.email not in page


def test_a_visitor_s_address_is_in_nobody_else_s_page(practice, procedure):
    page = shown(f"{FORM}?procedure={procedure.slug}&utm=marker-of-one-visitor")
    assert "marker-of-one-visitor" not in page
    assert "marker-of-one-visitor" not in shown(f"{FORM}?procedure={procedure.slug}")


def test_however_many_pages_lead_here_only_so_many_are_kept(practice, procedure, monkeypatch):
    monkeypatch.setattr(form_facts, "MOST_MADE", 3)
    facts = form_facts.current()
    for number in range(10):
        assert facts.once(number, lambda number=number: str(number)) == str(number)
        assert len(facts.made) <= 3
    assert "Rhinoplasty" in shown()


def test_many_readers_who_make_room_at_once_do_not_trip_over_each_other(practice):
    facts, errors = form_facts.current(), []

    def read(reader):
        try:
            for each in range(30_000):
                assert facts.once((reader, each), lambda: reader) == reader
        except Exception as error:
            errors.append(error)

    readers = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    often = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for each in readers:
            each.start()
        for each in readers:
            each.join()
    finally:
        sys.setswitchinterval(often)
    assert errors == []
    assert len(facts.made) <= form_facts.MOST_MADE


@pytest.mark.parametrize(("debug", "made"), [(False, 1), (True, 2)])
def test_in_development_a_changed_template_shows_at_once(practice, settings, debug, made):
    settings.DEBUG = debug
    facts, calls = form_facts.current(), []
    for _ in range(2):
        facts.once("a page", lambda: calls.append("made") or "page")
    assert len(calls) == made


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_broke_meanwhile_is_replaced_and_nobody_sees_it(
    practice, answers, monkeypatch
):
    answer, broken = edition.current, []

    def current():
        if broken:
            raise broken.pop()
        return answer()

    monkeypatch.setattr(edition, "current", current)
    for act in (lambda: Client().get(FORM), lambda: Client().post(FORM, answers)):
        broken.append(OperationalError("server closed the connection unexpectedly"))
        assert act().status_code in (200, 302)
    assert ConsultationRequest.objects.count() == 1


def test_a_send_costs_few_queries(practice, procedure, surgeon, answers):
    client = Client()
    client.get(FORM)
    sent = answers | {"procedure": procedure.pk, "surgeon": surgeon.pk}
    with CaptureQueriesContext(connection) as captured:
        response = client.post(FORM, sent, REMOTE_ADDR="203.0.113.9")
    assert response.status_code == 302
    # What was sent before, counts; request; words, consents and mails; events. And one that is
    # not captured, about the edition of the content.
    work = [query for query in captured if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    assert len(work) == (5 if connection.vendor == "postgresql" else 7)

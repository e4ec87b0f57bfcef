"""Who no longer works here holds no open requests: they go back to the team, and say why."""

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from consultations import triage
from consultations.choices import Status
from consultations.models import ConsultationRequest, Event
from consultations.staff_work import leavers
from practice.management.commands.run_worker import JOBS
from practice.models import User

pytestmark = pytest.mark.django_db
REQUESTS = "/admin/consultations/consultationrequest/"


def owner(row):
    return ConsultationRequest.objects.get(pk=row.pk).owner


def lines(row):
    return list(row.events.filter(kind=Event.Kind.ASSIGNED).values_list("by_name", "summary"))


def work():
    {job.name: job for job in JOBS}["hand back requests"].run()


def turned_off(user):
    User.objects.filter(pk=user.pk).update(is_active=False)


def no_longer_staff(user):
    User.objects.filter(pk=user.pk).update(is_staff=False)


def in_another_role(user):
    user.groups.set(Group.objects.filter(name="Auditor"))


@pytest.mark.parametrize("left", [turned_off, no_longer_staff, in_another_role])
def test_open_requests_of_who_left_go_back_and_say_why(a_request, coordinator, colleague, left):
    hers, his = a_request(owner=coordinator), a_request(owner=colleague)
    left(coordinator)

    work()
    work()

    assert (owner(hers), owner(his)) == (None, colleague)
    assert lines(hers) == [("System", "Released: Carla Coordinator no longer works on requests")]
    assert lines(his) == []


def test_who_stays_keeps_theirs(a_request, coordinator, manager, surgeon_user, django_user_model):
    root = django_user_model.objects.create_superuser("root", "root@example.com", "x" * 20)
    root.is_staff = True
    rows = [a_request(owner=user) for user in (coordinator, manager, surgeon_user, root)]

    assert leavers.hand_back() == 0
    assert all(owner(row) for row in rows)


def test_the_next_step_stays_on_its_day_and_in_everybody_s_list(
    a_request, coordinator, colleague, signed_in, practice
):
    row = a_request(owner=coordinator, status="in_contact", follow_up_on=timezone.localdate())
    turned_off(coordinator)
    work()

    client = signed_in(colleague)
    for view in ("unassigned", "follow-up"):
        assert row.reference in client.get(f"{REQUESTS}?view={view}").content.decode()


@pytest.mark.parametrize("status", ["closed", "duplicate", "spam", "quarantined"])
def test_what_is_over_keeps_saying_whose_it_was(a_request, coordinator, status):
    row = a_request(owner=coordinator, status=status)
    turned_off(coordinator)

    work()

    assert owner(row) == coordinator


def test_what_is_reopened_later_goes_back_then(a_request, coordinator, colleague):
    row = a_request(owner=coordinator, status="closed")
    turned_off(coordinator)
    triage.move(row, Status.ATTEMPTING, by=colleague)

    work()

    assert owner(row) is None


def test_an_account_that_is_deleted_leaves_its_line(a_request, coordinator):
    row, over = a_request(owner=coordinator), a_request(owner=coordinator, status="closed")

    coordinator.delete()

    assert (owner(row), owner(over)) == (None, None)
    assert lines(row) == [("System", "Released: Carla Coordinator no longer works on requests")]
    assert lines(over) == []


def test_who_takes_one_over_at_that_moment_keeps_it(a_request, coordinator, colleague, monkeypatch):
    row = a_request(owner=coordinator)
    turned_off(coordinator)
    assign = triage.assign

    def after_a_colleague(request, to, **details):
        ConsultationRequest.objects.filter(pk=request.pk).update(owner=colleague)
        assign(request, to, **details)

    monkeypatch.setattr(triage, "assign", after_a_colleague)

    assert leavers.hand_back() == 0
    assert owner(row) == colleague


def test_the_page_of_the_account_says_what_becomes_of_them(
    coordinator, signed_in, django_user_model
):
    root = django_user_model.objects.create_superuser("root", "root@example.com", "x" * 20)
    page = signed_in(root).get(f"/admin/practice/user/{coordinator.pk}/change/").content.decode()

    assert "goes back to “Unassigned” within a minute" in page

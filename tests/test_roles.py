"""The staff's roles as groups: each holds what it is said to hold, and nothing else."""

import pytest
from django.contrib.auth.models import Group, Permission

from consultations import roles

pytestmark = pytest.mark.django_db


def held(group):
    return set(group.permissions.values_list("content_type__app_label", "codename"))


@pytest.mark.parametrize("role", roles.ROLES)
def test_the_group_of_a_role_holds_exactly_its_permissions(role):
    assert held(Group.objects.get(name=role)) == roles.permissions(role)


def test_there_are_five_roles():
    assert set(Group.objects.values_list("name", flat=True)) == {
        "Editor",
        "Coordinator",
        "Surgeon",
        "Manager",
        "Auditor",
    }


@pytest.mark.parametrize("role", roles.ROLES)
def test_every_permission_of_a_role_exists(role):
    existing = set(Permission.objects.values_list("content_type__app_label", "codename"))

    assert roles.permissions(role) <= existing


# What is written in the design, once more: who may do what is not changed by accident.
MAY = {
    "Editor": {"procedures.change_procedure", "practice.change_practice"},
    "Coordinator": {
        "consultations.view_consultationrequest",
        "consultations.view_every_request",
        "consultations.triage_request",
        "consultations.add_consultationrequest",
    },
    "Surgeon": {
        "consultations.view_consultationrequest",
        "consultations.triage_request",
        "consultations.add_consultationrequest",
    },
    "Manager": {
        "procedures.change_procedure",
        "practice.change_practice",
        "consultations.view_consultationrequest",
        "consultations.view_every_request",
        "consultations.triage_request",
        "consultations.add_consultationrequest",
        "consultations.export_request",
        "consultations.view_report",
        "auditlog.view_logentry",
    },
    "Auditor": {"auditlog.view_logentry"},
}
EVERYTHING = set.union(*MAY.values()) | {
    "consultations.change_consultationrequest",
    "consultations.delete_consultationrequest",
    "consultations.change_event",
    "consultations.delete_event",
    "auditlog.change_logentry",
    "auditlog.delete_logentry",
    "practice.change_user",
}


@pytest.mark.parametrize("role", MAY)
def test_what_a_role_may_do(staff, role):
    user = staff(role, "somebody")

    assert {name for name in EVERYTHING if user.has_perm(name)} == MAY[role]


def test_only_the_auditor_and_the_manager_read_the_audit():
    readers = Group.objects.filter(permissions__codename="view_logentry")

    assert set(readers.values_list("name", flat=True)) == {"Auditor", "Manager"}

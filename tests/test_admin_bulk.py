"""What the inbox offers to do with several requests, view by view, and how it asks."""

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from consultations.admin import acts, bulk, inbox
from consultations.models import ConsultationRequest, Event

INBOX = "/admin/consultations/consultationrequest/"


@pytest.fixture
def client(signed_in, coordinator):
    return signed_in(coordinator)


@pytest.mark.parametrize(
    ("view", "acts"),
    [
        ("todo", ["claim", "give", "release", "close", "spam"]),
        ("mine", ["give", "release", "close", "spam"]),
        ("unassigned", ["claim", "give", "close", "spam"]),
        ("quarantine", ["restore", "spam", "close"]),
        ("closed", []),
        ("spam", ["restore"]),
        ("all", ["claim", "give", "release", "close", "spam", "restore"]),
    ],
)
def test_a_view_offers_what_can_be_done_there(client, a_request, coordinator, view, acts):
    for status in ("new", "quarantined", "spam", "closed"):
        a_request(status=status)
    a_request(owner=coordinator)
    shown = client.get(INBOX, {"view": view})
    assert [act.name for act in shown.context["bulk_acts"]] == acts
    assert ('class="tick"' in shown.content.decode()) == bool(acts)


def test_every_view_knows_its_acts():
    for view in inbox.VIEWS:
        assert all(act.name in bulk.BULK_ACTS for act in bulk.offered(view))
    assert set(bulk.OFFERED) <= set(inbox.BY_KEY)


def test_quarantine_says_why_each_is_held_back(client, a_request):
    a_request(status="quarantined", suspicions=["Holds many links.", "Filled a hidden field."])
    shown = client.get(INBOX, {"view": "quarantine"}).content.decode()
    assert "Holds many links. Filled a hidden field." in shown
    assert '<th scope="col">Promise</th>' not in shown


def test_closing_several_says_how_many_on_its_button(client, a_request):
    rows = [a_request(), a_request(), a_request()]
    asked = {"act": "close", "chosen": [row.pk for row in rows]}
    shown = client.post(f"{INBOX}several/", asked).content.decode()
    assert ">Close 3 requests</button>" in shown
    shown = client.post(f"{INBOX}several/", asked | {"chosen": rows[0].pk}).content.decode()
    assert ">Close 1 request</button>" in shown


# --- Who may look, or work, and not both ------------------------------------------------------

LOOK = ("view_consultationrequest", "view_every_request")
SEVERAL = ("several/", "export/", "erased-next/")


@pytest.fixture
def with_only(auditor, signed_in):
    """`with_only(codename, …)` is a client of somebody with these permissions."""

    def with_only(*codenames):
        auditor.groups.clear()
        auditor.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        return signed_in(auditor)

    return with_only


@pytest.mark.parametrize(
    "codenames",
    [LOOK, ("triage_request", "export_request", "view_every_request")],
    ids=["may look, not work", "may work, not look"],
)
def test_each_act_needs_its_permission_and_a_look(a_request, with_only, codenames):
    row = a_request()
    client = with_only(*codenames)
    before = ConsultationRequest.objects.values().get(), Event.objects.count()

    sent = {"act": "claim", "chosen": row.pk, "sure": "1", "text": "A note.", "to": "attempting"}
    for address in (*SEVERAL, *(f"{row.pk}/{name}/" for name in acts.ACTS)):
        assert client.post(f"{INBOX}{address}", sent).status_code == 403, address

    assert (ConsultationRequest.objects.values().get(), Event.objects.count()) == before


def test_who_may_only_look_is_offered_nothing_and_leaves_what_patients_did_unseen(
    a_request, with_only
):
    row = a_request(patient_acted_at=timezone.now())
    client = with_only(*LOOK)

    shown = client.get(INBOX)
    assert not shown.context["bulk_acts"]
    assert shown.context["can_triage"] is False
    assert client.get(f"{INBOX}{row.pk}/change/").status_code == 200

    assert ConsultationRequest.objects.get().patient_acted_at is not None


def test_who_works_on_requests_has_seen_what_the_patient_did(client, a_request):
    row = a_request(patient_acted_at=timezone.now())

    client.get(f"{INBOX}{row.pk}/change/")

    assert ConsultationRequest.objects.get().patient_acted_at is None


@pytest.mark.parametrize(
    ("text", "number"), [("2", 2), ("99999", 99999), ("0", 1), ("-1", 1), ("x", 1), ("100000", 1)]
)
def test_which_page_of_the_inbox_is_shown(client, a_request, text, number):
    a_request()

    assert client.get(INBOX, {"p": text}).context["page"].number == number

"""What the inbox offers to do with several requests, view by view, and how it asks."""

import pytest

from consultations.admin import bulk, inbox

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

"""Taking requests out as a file: permission, reason, harmless cells, a line for each row."""

import csv
import io
import types
import zipfile

import pytest
from auditlog.models import LogEntry

from consultations.data_rights import export

EXPORT = "/admin/consultations/consultationrequest/export/"
INBOX = "/admin/consultations/consultationrequest/"
REASON = "Yearly review of waiting times"
FORMULAS = ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x", "  =1"]


@pytest.fixture
def client(signed_in, manager):
    return signed_in(manager)


def send(client, kind="csv", query="", **changes):
    return client.post(f"{EXPORT}{query}", {"kind": kind, "reason": REASON} | changes)


def body(response):
    return b"".join(response.streaming_content)


def rows(response):
    lines = body(response).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(lines, newline="")))


def test_only_those_who_may_see_the_way_there(signed_in, client, coordinator, a_request):
    a_request()
    assert "Export this view" in client.get(INBOX).content.decode()
    other = signed_in(coordinator)
    assert "Export this view" not in other.get(INBOX).content.decode()
    assert other.get(EXPORT).status_code == 403
    assert send(other).status_code == 403


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_file_without_names_in_its_own_name_and_kept_nowhere(client, a_request, kind):
    a_request(full_name="Ada Patient")
    response = send(client, kind)
    assert response.streaming
    assert "no-store" in response["Cache-Control"]
    assert response["Content-Disposition"].startswith('attachment; filename="requests-2')
    assert response["Content-Disposition"].endswith(f'.{kind}"')
    content = body(response)
    assert (content[:2] == b"PK") == (kind == "xlsx")


def test_csv_is_made_line_by_line(client, a_request):
    row = a_request()
    response = send(client)
    assert isinstance(export.csv_lines([row.pk], with_health=False), types.GeneratorType)
    assert not isinstance(response.streaming_content, (list, tuple))


def test_the_present_view_or_search_is_what_leaves(client, a_request, manager):
    a_request(full_name="Mine", owner=manager)
    a_request(full_name="Other")
    a_request(full_name="Closed", status="closed")
    assert {row["Name"] for row in rows(send(client))} == {"Mine", "Other"}
    assert {row["Name"] for row in rows(send(client, query="?view=mine"))} == {"Mine"}
    assert {row["Name"] for row in rows(send(client, query="?view=closed"))} == {"Closed"}
    client.post(INBOX, {"q": "Other"})
    assert {row["Name"] for row in rows(send(client, query="?view=search"))} == {"Other"}
    shown = client.get(f"{EXPORT}?view=mine").content.decode()
    assert "1 request: <strong>Mine</strong>" in " ".join(shown.split())


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"reason": ""}, "Write why you need this export."),
        ({"reason": "abc"}, "so that others understand it"),
        ({"kind": "pdf"}, "pdf"),
    ],
)
def test_without_a_reason_nothing_leaves(client, a_request, changes, why):
    a_request()
    response = send(client, **changes)
    assert response.status_code == 400
    assert why in response.content.decode()
    assert not LogEntry.objects.filter(additional_data__has_key="export").exists()


def test_it_is_recorded_with_its_reason_and_each_row(client, a_request, manager):
    first, second = a_request(), a_request()
    body(send(client))
    entries = LogEntry.objects.filter(additional_data__has_key="export")
    assert entries.count() == 3
    assert {entry.actor for entry in entries} == {manager}
    for row in (first, second):
        entry = entries.get(object_id=row.pk)
        assert entry.additional_data == {
            "export": "csv",
            "reason": REASON,
            "rows": 2,
            "with_health": False,
        }


def test_health_details_leave_only_when_asked_for(client, a_request, procedure):
    a_request(message="My nose is blocked.", procedure=procedure)
    row = rows(send(client))[0]
    assert "My nose is blocked." not in row.values()
    assert "Rhinoplasty" not in row.values()
    row = rows(send(client, with_health="on"))[0]
    assert row["In the patient's words"] == "My nose is blocked."
    assert row["Procedure"] == "Rhinoplasty"
    assert 'name="with_health"' in client.get(EXPORT).content.decode()
    assert "checked" not in client.get(EXPORT).content.decode().partition("with_health")[2][:200]


@pytest.mark.parametrize("cell", FORMULAS)
def test_no_cell_is_a_formula(client, a_request, cell):
    a_request(full_name=cell)
    assert rows(send(client))[0]["Name"] == f"'{cell}"
    with zipfile.ZipFile(io.BytesIO(body(send(client, "xlsx")))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    shown = sheet.replace("&#13;", "\r").replace("_x000D_", "\r")
    assert f"'{cell.strip()[:1]}" in shown or "'\t" in shown or "'\r" in shown or "'  =" in shown


def test_a_surgeon_with_the_permission_takes_out_no_more_than_they_see(
    signed_in, surgeon_user, surgeon, a_request
):
    from django.contrib.auth.models import Permission

    surgeon_user.user_permissions.add(Permission.objects.get(codename="export_request"))
    a_request(full_name="Theirs", surgeon=surgeon)
    a_request(full_name="Another surgeon's")
    client = signed_in(surgeon_user)
    assert {row["Name"] for row in rows(send(client, query="?view=all"))} == {"Theirs"}

"""A text whose key is gone is lost to read; whoever it belongs to is not lost with it."""

import io
import zipfile
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from post_office.models import Email

from consultations import triage
from consultations.figures import reminders
from consultations.models import ConsultationRequest, Event
from consultations.patient_page import private_link

pytestmark = pytest.mark.django_db
REQUESTS = "/admin/consultations/consultationrequest/"
NOT_READ = "This text cannot be read"
NOTE_NOT_READ = "The note of this line cannot be read"


@pytest.fixture
def client(signed_in, manager):
    return signed_in(manager)


@pytest.fixture
def spoil():
    """`spoil(row)` leaves ciphertext that no key opens in the row's message and notes."""

    def spoil(row):
        with connection.cursor() as cursor:
            for table, column, key in (
                ("consultationrequest", "message", "id"),
                ("event", "note", "request_id"),
            ):
                cursor.execute(
                    f"UPDATE consultations_{table} SET {column} = %s WHERE {key} = %s",  # noqa: S608
                    ["gAAAA" + "A" * 100, row.pk],
                )
        return row

    return spoil


@pytest.fixture
def row(a_request, spoil, coordinator):
    row = a_request(full_name="Ada Patient")
    triage.add_note(row, "She rang.", by=coordinator)
    return spoil(row)


def text(response):
    return response.content.decode()


def test_its_page_opens_and_says_what_cannot_be_read_and_what_to_do(client, row):
    response = client.get(f"{REQUESTS}{row.pk}/change/")

    assert response.status_code == 200
    page = text(response)
    assert "Ada Patient" in page
    assert NOT_READ in page
    assert "docs/backup.md" in page
    assert NOTE_NOT_READ in page


def test_what_can_be_read_is_shown_beside_it(client, a_request, coordinator):
    row = a_request(message="My nose is blocked.")
    triage.add_note(row, "She rang.", by=coordinator)

    page = text(client.get(f"{REQUESTS}{row.pk}/change/"))

    assert "<blockquote><p>My nose is blocked.</p></blockquote>" in page
    assert "She rang." in page
    assert "cannot be read" not in page


@pytest.mark.parametrize(
    ("act", "sent"),
    [
        ("claim", {}),
        ("note", {"note": "A new note."}),
        ("move", {"to": "in_contact"}),
        ("close", {"reason": "no_reply"}),
        ("contact", {"channel": "call", "outcome": "no_answer"}),
        ("correct", {"preferred_name": "Addy"}),
        ("new-link", {}),
        ("hold", {"is_held": "yes", "reason": "A dispute."}),
    ],
)
def test_everything_else_on_it_works(client, row, act, sent):
    facts = ("phone", "email", "preferred_name", "interpreter_language")
    shown = {name: str(getattr(row, name)) for name in facts}
    shown |= {f"initial-{name}": value for name, value in shown.items()}

    client.post(f"{REQUESTS}{row.pk}/{act}/", shown | sent)

    assert Event.objects.filter(request=row).count() > 2


def test_a_refused_act_comes_back_with_what_was_typed(client, row):
    response = client.post(f"{REQUESTS}{row.pk}/close/", {"note": "Typed already."})

    assert response.status_code == 400
    assert "Typed already." in text(response)


def test_the_person_can_be_erased_with_all_that_was_merged_into_it(
    client, row, a_request, spoil, coordinator
):
    other = a_request()
    triage.merge(other, row, by=coordinator)
    spoil(other)

    assert client.get(f"{REQUESTS}{row.pk}/erase/").status_code == 200
    sent = {"reason": "The patient asked for it", "reference": row.reference}
    assert client.post(f"{REQUESTS}{row.pk}/erase/", sent).status_code == 302

    assert not ConsultationRequest.objects.exists()


def test_both_sides_of_a_merge_can_be_compared_joined_and_parted(client, row, a_request, spoil):
    other = spoil(a_request())

    asked = text(client.get(f"{REQUESTS}{other.pk}/merge/?into={row.pk}"))
    client.post(f"{REQUESTS}{other.pk}/merge/", {"into": row.pk})
    merged = text(client.get(f"{REQUESTS}{row.pk}/change/"))
    client.post(f"{REQUESTS}{other.pk}/unmerge/", {"seen_status": "duplicate"})

    assert asked.count(NOT_READ) == 2
    assert merged.count(NOT_READ) == 2
    other.refresh_from_db(fields=["status"])
    assert other.status == "new"


def test_a_letter_goes_out_once_staff_know_that_it_could_not_be_compared(client, row):
    letter = {"subject": "Your request", "body": "Please call us."}
    page = f"{REQUESTS}{row.pk}/letter/"

    assert "cannot be decrypted" in text(client.post(page, letter | {"step": "preview"}))
    assert client.post(page, letter | {"step": "send"}).status_code == 400
    sent = client.post(page, letter | {"step": "send", "all_the_same": "on"})

    assert sent.status_code == 302
    assert "Please call us." in Email.objects.get().message


def test_the_person_s_copy_says_what_is_missing(client, row):
    sent = {"reason": "Asked by phone.", "with_notes": "on"}

    response = client.post(f"{REQUESTS}{row.pk}/hand-over/", sent)

    with zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content))) as archive:
        page = archive.read("your-data.html").decode()
    assert "Ada Patient" in page
    assert page.count("This text can no longer be read.") >= 2


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_export_with_health_details_holds_every_row(client, row, a_request, kind):
    a_request(message="A readable worry.")
    sent = {"kind": kind, "reason": "For the audit.", "with_health": "on"}

    response = client.post(f"{REQUESTS}export/", sent)

    body = b"".join(response.streaming_content)
    if kind == "csv":
        assert "[cannot be read with the keys of the site]" in body.decode()
        assert "A readable worry." in body.decode()


# --- Work that needs no word of it ---------------------------------------------------------------


@pytest.fixture
def nothing_is_decrypted(monkeypatch):
    """From when it is called."""

    def forbidden(*args):
        raise AssertionError("decrypted")

    return lambda: monkeypatch.setattr(
        "practice.encryption.EncryptedTextField.from_db_value", forbidden
    )


def escalated(client, row):
    ConsultationRequest.objects.update(respond_by=timezone.now() - timedelta(minutes=1))
    return reminders.escalate_late() == 1


def mailed(client, row):
    text = private_link.fill_in(private_link.placeholder(row), [row.email])
    return text.endswith(private_link.path(row))


def posted(act, **sent):
    return lambda client, row: (
        client.post(f"{REQUESTS}{row.pk}/{act}/", sent | {"seen_status": "new"}).status_code < 400
    )


def opened(part):
    return lambda client, row: client.get(part.format(row)).status_code == 200


@pytest.mark.parametrize(
    "work",
    [
        escalated,
        mailed,
        posted("presence"),
        posted("claim"),
        posted("move", to="in_contact"),
        posted("contact", channel="call", outcome="no_answer"),
        opened(REQUESTS + "{0.pk}/erase/"),
        opened(REQUESTS + "{0.pk}/hand-over/"),
        opened(REQUESTS + "?view=all"),
        opened(REQUESTS + "erased-next/"),
        opened("/admin/"),
    ],
    ids=[
        *("escalation", "mail", "presence", "claim", "move", "contact", "erase", "copy"),
        *("inbox", "retention", "dashboard"),
    ],
)
def test_what_shows_no_text_decrypts_none(client, row, nothing_is_decrypted, work):
    row = ConsultationRequest.objects.defer("message").get(pk=row.pk)
    nothing_is_decrypted()

    assert work(client, row)


def test_a_row_that_cannot_be_read_holds_up_no_other_late_one(row, a_request):
    a_request()
    ConsultationRequest.objects.update(respond_by=timezone.now() - timedelta(minutes=1))

    assert reminders.escalate_late() == 2

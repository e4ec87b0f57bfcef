"""What a patient wrote is ciphertext in the database, and altered ciphertext raises."""

import base64

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import FieldError
from django.db import connection

from consultations.models import ConsultationRequest, Event
from practice.encryption import DecryptionError, decrypt, encrypt
from tests.dump import columns, places_of

TEXTS = ["Hello", "żółć 🩺 \u202e", "{{ x }}", "a" * 100_000, "\x00", "line\r\nline", " "]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:9]))
def test_what_was_encrypted_is_read_back_as_it_was(text):
    assert decrypt(encrypt(text)) == text


def test_the_same_text_is_never_encrypted_alike():
    assert len({encrypt("Hello") for _ in range(10)}) == 10


def test_no_part_of_the_text_is_left():
    token = encrypt("secret" * 20)

    assert "secret" not in token
    assert b"secret" not in base64.urlsafe_b64decode(token)


@pytest.fixture
def new_key():
    return Fernet.generate_key().decode()


def test_the_newest_key_encrypts_and_all_decrypt(settings, new_key):
    old_key, old = settings.FIELD_ENCRYPTION_KEYS[0], encrypt("old")
    settings.FIELD_ENCRYPTION_KEYS = [new_key, old_key]
    new = encrypt("new")
    assert (decrypt(old), decrypt(new)) == ("old", "new")

    settings.FIELD_ENCRYPTION_KEYS = [new_key]

    assert decrypt(new) == "new"
    with pytest.raises(DecryptionError):
        decrypt(old)


def altered_at(position):
    def alter(token):
        data = bytearray(base64.urlsafe_b64decode(token))
        data[position] ^= 1
        return base64.urlsafe_b64encode(data).decode()

    return alter


@pytest.mark.parametrize(
    "alter",
    [
        altered_at(0),
        altered_at(5),
        altered_at(12),
        altered_at(30),
        altered_at(-1),
        lambda token: token[:-4],
        lambda token: "",
        lambda token: "secret in clear",
        lambda token: "schön",
    ],
    ids=["version", "time", "vector", "text", "seal", "cut", "empty", "clear", "umlaut"],
)
def test_altered_text_raises_and_the_error_holds_nothing_of_it(alter):
    token = alter(encrypt("secret"))

    with pytest.raises(DecryptionError) as raised:
        decrypt(token)

    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert token[:20] not in str(raised.value) or not token


# --- In the database --------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_column_holds_ciphertext_and_the_model_the_text(a_request):
    request = a_request(message="What bothers me.")

    assert places_of("bothers") == set()
    assert columns("consultations_consultationrequest")["message"].startswith("gAAAA")
    assert ConsultationRequest.objects.get().message == "What bothers me."
    assert list(ConsultationRequest.objects.values_list("message", flat=True)) == [
        "What bothers me."
    ]
    assert request.message == "What bothers me."


@pytest.mark.django_db
def test_an_update_is_encrypted_as_well(a_request):
    a_request()

    ConsultationRequest.objects.update(message="Changed in bulk.")

    assert places_of("in bulk") == set()
    assert ConsultationRequest.objects.get().message == "Changed in bulk."


@pytest.mark.django_db
def test_empty_text_stays_empty(a_request):
    a_request(message="")

    assert columns("consultations_consultationrequest")["message"] == ""
    assert ConsultationRequest.objects.get().message == ""


@pytest.mark.django_db
def test_text_that_was_altered_in_the_database_is_not_shown(a_request):
    a_request()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE consultations_consultationrequest SET message = %s", ["gAAAA" + "A" * 100]
        )

    with pytest.raises(DecryptionError):
        _ = ConsultationRequest.objects.get().message
    with pytest.raises(DecryptionError):
        str(ConsultationRequest.objects.values_list("message", flat=True).get())


@pytest.mark.django_db
def test_text_whose_key_is_away_is_kept_as_it_is_until_the_key_is_back(
    a_request, settings, new_key
):
    pk = a_request(message="What bothers me.").pk
    old_keys = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [new_key]
    row = ConsultationRequest.objects.get(pk=pk)
    row.full_name = "Another Name"
    row.save()

    settings.FIELD_ENCRYPTION_KEYS = [new_key, *old_keys]

    row = ConsultationRequest.objects.get(pk=pk)
    assert (row.full_name, row.message) == ("Another Name", "What bothers me.")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "lookup", ["message", "message__icontains", "message__startswith", "message__in"]
)
def test_a_search_that_would_silently_find_nothing_raises(lookup):
    with pytest.raises(FieldError, match="cannot be searched"):
        ConsultationRequest.objects.filter(**{lookup: "Hello"}).exists()


@pytest.mark.django_db
def test_whether_there_is_a_text_can_be_asked(a_request):
    a_request()

    assert ConsultationRequest.objects.filter(message__isnull=False).count() == 1
    assert Event.objects.filter(note__isnull=True).count() == 0

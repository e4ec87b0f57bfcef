"""The link to a patient's own page: unguessable, mortal, and never stored."""

from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone

from consultations.models import ConsultationRequest
from consultations.patient_page import private_link

pytestmark = pytest.mark.django_db


def token_of(request):
    return private_link.path(request).split("/")[-2]


def test_the_link_finds_its_request_and_no_other(a_request):
    requests = [a_request() for _ in range(3)]

    tokens = [token_of(request) for request in requests]

    assert len(set(tokens)) == 3
    assert [private_link.find(token) for token in tokens] == requests


def test_the_token_is_long_and_says_nothing(a_request):
    request = a_request()

    token = token_of(request)

    assert len(token) >= 43  # 256 bits
    assert request.reference not in token


def test_only_a_digest_of_the_token_is_stored(a_request):
    request = a_request()

    stored = ConsultationRequest.objects.values().get()

    assert token_of(request) not in str(stored)
    assert stored["link_digest"] == private_link.digest(token_of(request))


def changed(token):
    return ("A" if token[0] != "A" else "B") + token[1:]


@pytest.mark.parametrize(
    "guess",
    [
        lambda request: changed(token_of(request)),
        lambda request: token_of(request)[:-1],
        lambda request: token_of(request) + "A",
        lambda request: token_of(request).lower(),
        lambda request: request.link_digest,
        lambda request: request.reference,
        lambda request: "",
        lambda request: "\x00",
        lambda request: "ü" * 43,
    ],
    ids=["changed", "shortened", "longer", "lower", "digest", "reference", "empty", "NUL", "ü"],
)
def test_anything_else_finds_nothing(a_request, guess):
    assert private_link.find(guess(a_request())) is None


def test_a_request_without_a_link_is_not_found_by_an_empty_one(a_request):
    request = a_request()
    ConsultationRequest.objects.update(link_digest="")
    request.refresh_from_db()

    assert private_link.find("") is None
    assert private_link.path(request) is None


@pytest.mark.parametrize(
    ("after", "is_found"),
    [
        (timedelta(), True),
        (private_link.VALID_FOR - timedelta(seconds=1), True),
        (private_link.VALID_FOR, False),
        (private_link.VALID_FOR + timedelta(days=1), False),
    ],
    ids=["new", "last second", "over", "long over"],
)
def test_a_link_lives_half_a_year(a_request, time_machine, after, is_found):
    time_machine.move_to("2026-11-16T16:00:00Z", tick=False)
    request = a_request()
    token = token_of(request)

    time_machine.shift(after)

    assert (private_link.find(token) == request) is is_found
    assert (private_link.path(request) is not None) is is_found


def test_a_link_that_was_never_dated_is_neither_opened_nor_shown(a_request):
    request = a_request()
    token = token_of(request)
    ConsultationRequest.objects.update(link_expires_at=None)
    request.refresh_from_db()

    assert private_link.find(token) is None
    assert private_link.path(request) is None


def test_a_revoked_link_is_gone_at_once(a_request):
    request = a_request()
    token = token_of(request)

    request.link_revoked_at = timezone.now()
    request.save()

    assert private_link.find(token) is None
    assert private_link.path(request) is None


def test_a_link_that_is_issued_anew_is_another_and_the_old_one_is_gone(a_request):
    request = a_request()
    old = token_of(request)

    request.link_number += 1
    private_link.issue(request)
    request.save()

    assert private_link.find(old) is None
    assert private_link.find(token_of(request)) == request


# --- Keys -------------------------------------------------------------------------------------


@pytest.fixture
def new_key():
    return Fernet.generate_key().decode()


def test_old_links_survive_a_new_key(a_request, settings, new_key):
    request = a_request()
    token = token_of(request)

    settings.FIELD_ENCRYPTION_KEYS = [new_key, *settings.FIELD_ENCRYPTION_KEYS]

    assert private_link.find(token) == request
    assert token_of(request) == token


def test_new_links_are_made_with_the_new_key(a_request, settings, new_key):
    old_keys = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [new_key, *old_keys]
    request = a_request()
    token = token_of(request)

    settings.FIELD_ENCRYPTION_KEYS = [new_key]
    assert token_of(request) == token
    settings.FIELD_ENCRYPTION_KEYS = old_keys
    assert private_link.path(request) is None


def test_a_link_whose_key_is_gone_still_opens_but_is_not_shown_again(a_request, settings, new_key):
    request = a_request()
    token = token_of(request)

    settings.FIELD_ENCRYPTION_KEYS = [new_key]

    assert private_link.find(token) == request
    assert private_link.path(request) is None


# --- In mails ---------------------------------------------------------------------------------


def test_placeholders_become_addresses_when_a_mail_is_sent(a_request):
    first = a_request()
    second = a_request(email=first.email.upper())
    text = f"{private_link.placeholder(first)}\n<{private_link.placeholder(second)}>"

    assert private_link.fill_in(text, [first.email]) == (
        f"https://testserver{private_link.path(first)}\n"
        f"<https://testserver{private_link.path(second)}>"
    )


def test_a_placeholder_of_an_erased_or_revoked_request_leads_to_the_form(a_request):
    request = a_request()
    request.link_revoked_at = timezone.now()
    request.save()

    for reference in (request.reference, "00000-00000"):
        text = private_link.fill_in(f"See private-link-of-{reference}.", [request.email])
        assert text == "See https://testserver/consultation/."


def test_a_link_goes_to_its_own_patient_only(a_request):
    placeholder = private_link.placeholder(a_request())

    text = private_link.fill_in(f"See {placeholder}.", ["eve@example.com"])

    assert text == "See https://testserver/consultation/."


def test_text_without_a_placeholder_stays_as_it_is():
    text = "No private-link-of-anything."
    assert private_link.fill_in(text, ["ada@example.com"]) == text

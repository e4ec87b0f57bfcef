"""Passkeys and codes, one rule at a time: what is refused, what they are called, what is used."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.core.exceptions import ValidationError

from practice.accounts import second_factor

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
REFUSED = "This passkey was not accepted"


def raises(error):
    def clean():
        raise error

    return clean


@pytest.mark.once
@pytest.mark.parametrize(
    "error",
    [
        ValidationError("Wrong.", code="incorrect_code"),
        AttributeError("str has no get"),
        KeyError("id"),
        TypeError("not a mapping"),
        ValueError("not base 64"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_no_answer_of_a_passkey_is_refused_in_words(error):
    with pytest.raises(ValidationError, match=REFUSED):
        second_factor.refused_if_broken(raises(error))


@pytest.mark.once
@pytest.mark.parametrize("error", [ValidationError("Slow.", code="throttled"), OSError("Away.")])
def test_what_has_another_cause_is_told_as_it_is(error):
    with pytest.raises(type(error)) as told:
        second_factor.refused_if_broken(raises(error))

    assert told.value is error


@pytest.mark.once
def test_a_good_answer_is_handed_on():
    assert second_factor.refused_if_broken(lambda: {"id": "x"}) == {"id": "x"}


@pytest.mark.django_db
def test_passkeys_are_numbered_for_each_person(coordinator, colleague):
    def name(user):
        return second_factor.MfaAdapter().generate_authenticator_name(user, "webauthn")

    Authenticator.objects.create(user=coordinator, type="webauthn", data={"name": "One"})
    Authenticator.objects.create(user=colleague, type="totp", data={})

    assert (name(coordinator), name(colleague)) == ("Passkey 2", "Passkey 1")


@pytest.mark.django_db
@pytest.mark.parametrize("code", ["", "000", "abcdef", "no code"])
def test_what_is_no_code_claims_nothing(coordinator, code):
    factor = totp.TOTP.activate(coordinator, SECRET).instance

    assert second_factor.claim(factor, code) is False
    assert "last_period" not in Authenticator.objects.get(pk=factor.pk).data

"""The second factor: an authenticator app or a passkey, and recovery codes for a bad day.

Secrets (the app's and the seed of the recovery codes) are stored under our own keys. Of a
passkey the database holds only the public key, which opens nothing: it needs none.
"""

from allauth.account.adapter import get_adapter as account_adapter
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.base.internal.flows import delete_dangling_recovery_codes
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_used
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import is_mfa_enabled
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.dispatch import receiver
from django.shortcuts import redirect

from .. import encryption
from ..models import Practice

Type = Authenticator.Type
FEW_CODES = 3
UNREADABLE_FACTOR = (
    "Codes of the app cannot be checked: the secret of your app can no longer be read. Use a "
    "recovery code or a passkey, or ask a manager to remove the app under “Second factors”; then "
    "you set it up anew."
)


def has_second_factor(user):
    """True with an authenticator app or a passkey. Recovery codes alone do not count."""
    return is_mfa_enabled(user, types=[Type.TOTP, Type.WEBAUTHN])


class MfaAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code is not right, or it was used already. Wait for the next one.",
    }

    def encrypt(self, text):
        return encryption.encrypt(text)

    def decrypt(self, encrypted_text):
        return encryption.decrypt(encrypted_text)

    def get_totp_issuer(self):
        """What the app shows beside the code."""
        return Practice.current().name

    def get_public_key_credential_rp_entity(self):
        return super().get_public_key_credential_rp_entity() | {"name": Practice.current().name}

    def generate_authenticator_name(self, user, kind):
        number = Authenticator.objects.filter(user=user, type=kind).count() + 1
        return f"Passkey {number}"


class SecondFactorMiddleware:
    """Sends signed-in staff without a second factor to set one up before anything else.

    Asked wherever only staff get an answer: the admin and previews of drafts. The pages
    below /staff/ stay open: there the factor is set up, and they show nobody's data.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if (
            settings.SECOND_FACTOR_REQUIRED
            and (request.path.startswith("/admin/") or "preview" in request.GET)
            and request.user.is_authenticated
            and not has_second_factor(request.user)
        ):
            messages.info(request, "Set up a second factor first; then the admin opens.")
            return redirect("mfa_index")
        return self.get_response(request)


# --- Codes ---------------------------------------------------------------------------------


class OnceOnly:
    """A code of the app is taken once, on every server, however long it would be valid.

    allauth remembers a used code in the cache and for one period only; with a tolerance of
    one period either way a code is valid for three.
    """

    def clean_code(self):
        try:
            code = super().clean_code()
        except encryption.DecryptionError:
            code = self._by_what_can_be_read()
        factor = self.authenticator
        if factor.type == Type.TOTP and not claim(factor, code):
            raise MfaAdapter().validation_error("incorrect_code")
        return code

    def _by_what_can_be_read(self):
        """allauth stops at the first secret that no key opens; another may fit the code."""
        factors = Authenticator.objects.filter(user=self.user).exclude(type=Type.WEBAUTHN)
        is_app_lost = False
        for factor in factors:
            try:
                fits = factor.wrap().validate_code(self.cleaned_data["code"])
            except encryption.DecryptionError:
                is_app_lost |= factor.type == Type.TOTP
                continue
            if fits:
                factor.user, self.authenticator = self.user, factor
                return self.cleaned_data["code"]
        if is_app_lost:
            raise ValidationError(UNREADABLE_FACTOR)
        raise MfaAdapter().validation_error("incorrect_code")


class SignInCodeForm(OnceOnly, AuthenticateForm):
    pass


class ConfirmingCodeForm(OnceOnly, ReauthenticateForm):
    pass


def claim(factor, code):
    """Marks the period of `code` and all before it as used; False if it was used before."""
    secret = encryption.decrypt(factor.data["secret"])
    periods = [
        period
        for period in totp.yield_hotp_counters_from_time()
        if compare_user_code(
            actual=code, expected=totp.format_hotp_value(totp.hotp_value(secret, period))
        )
    ]
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().get(pk=factor.pk)
        if not periods or periods[-1] <= row.data.get("last_period", 0):
            return False
        row.data["last_period"] = periods[-1]
        row.save(update_fields=["data"])
    return True


@receiver(authenticator_added)
def claim_first_code(request, authenticator, **kwargs):
    """The code that set the app up does not also sign in."""
    if authenticator.type == Type.TOTP:
        claim(authenticator, request.POST.get("code", ""))


@receiver(authenticator_used)
def tell_of_recovery_code(request, user, authenticator, **kwargs):
    """Somebody who needs these has lost something, or is somebody else."""
    if authenticator.type != Type.RECOVERY_CODES:
        return
    authenticator.refresh_from_db()  # What came with the signal was read before the use.
    left = len(authenticator.wrap().get_unused_codes())
    account_adapter().send_notification_mail(
        "mfa/email/recovery_code_used", user, {"recovery_codes_left": left}
    )
    if left <= FEW_CODES:
        words = f"You have {left} recovery code{'' if left == 1 else 's'} left. Make new ones soon."
        messages.warning(request, words)


# --- Passkeys ------------------------------------------------------------------------------


class WellFormed:
    """What is no answer of a passkey at all is a wrong one, where allauth's parser breaks."""

    def clean(self):
        return refused_if_broken(super().clean)

    def clean_credential(self):
        clean = getattr(super(), "clean_credential", lambda: self.cleaned_data["credential"])
        return refused_if_broken(clean)


def refused_if_broken(clean):
    try:
        return clean()
    except ValidationError as error:
        if error.code != "incorrect_code":
            raise
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    raise ValidationError("This passkey was not accepted. Try again, or go another way.")


class PasskeySignInForm(WellFormed, LoginWebAuthnForm):
    pass


class PasskeySecondForm(WellFormed, AuthenticateWebAuthnForm):
    pass


class ConfirmingPasskeyForm(WellFormed, ReauthenticateWebAuthnForm):
    pass


class PasskeyForm(WellFormed, AddWebAuthnForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["name"].label = "Name, to tell it from others"
        alone = self.fields["passwordless"]
        alone.label = "Sign in with this passkey alone, without a password"
        alone.help_text = (
            "It then asks for your finger, face or PIN. Untick this for a simple security key."
        )
        alone.initial = True


# --- Losing it -----------------------------------------------------------------------------


@transaction.atomic
def take_away(factor, *, by):
    """Removes a lost factor of somebody's and mails that person, who signs in anew.

    With the last one go the recovery codes; the next sign-in asks to set up a new one.
    """
    user, what = factor.user, factor.get_type_display().lower()
    factor.delete()
    delete_dangling_recovery_codes(user)
    account_adapter().send_notification_mail(
        "mfa/email/taken_away", user, {"by": str(by), "factor": what}
    )

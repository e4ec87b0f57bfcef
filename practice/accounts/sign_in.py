"""How staff sign in, and how they confirm that it is still them.

No self-made accounts; nothing that tells a stranger which accounts exist; a fresh
confirmation before what would hurt most. The second factor has a file of its own.
"""

import time
from functools import wraps

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.adapter import get_adapter as account_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.forms import LoginForm, ResetPasswordForm
from allauth.account.internal.flows.login import record_authentication
from allauth.account.signals import password_reset
from allauth.core.exceptions import ReauthenticationRequired
from allauth.core.internal import ratelimit
from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.dispatch import receiver
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers

from ..models import User
from . import sign_in_mail
from .second_factor import ConfirmingCodeForm

PASSKEY = "mfa_reauthenticate:webauthn"
WAYS = {
    "reauthenticate": "Use your password",
    "mfa_reauthenticate": "Use a code",
    PASSKEY: "Use your passkey",
}
LOGIN_FAILED = {"app": "allauth.account", "action": "login_failed"}


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        # One sentence for an unknown name, a wrong password and an account that is off.
        **dict.fromkeys(
            ("username_password_mismatch", "email_password_mismatch", "account_inactive"),
            "The name and the password do not match an account.",
        ),
        "incorrect_password": "This is not your password.",
        "too_many_login_attempts": "Too many failed tries. Wait five minutes, then try again.",
        "rate_limited": "Too many tries. Wait five minutes, then try again.",
    }

    def is_open_for_signup(self, request):
        return False

    def authenticate(self, request, **credentials):
        """An account that is off counts as a failure, like a wrong password."""
        user = super().authenticate(request, **credentials)
        if user and not user.is_active:
            self.pre_authenticate(request, **credentials)
            return None
        return user

    def respond_user_inactive(self, request, user):
        """Somebody whose account was turned off between two steps, or who has a passkey to it."""
        messages.error(request, self.error_messages["account_inactive"])
        return redirect("account_login")

    def is_reauthentication_required(self, *, app, **kwargs):
        """Having just signed in is as good as having just confirmed."""
        return not is_recently_confirmed(self.request)

    def get_reauthentication_methods(self, user):
        """In our words; whoever came in with a passkey is asked for it first."""
        ways = [
            way | {"description": WAYS[way["id"]]}
            for way in super().get_reauthentication_methods(user)
        ]
        records = get_authentication_records(self.request, user)
        if records and records[-1].get("type") == "webauthn":
            ways.sort(key=lambda way: way["id"] != PASSKEY)
        return ways

    def get_reset_password_from_key_url(self, key):
        """The site's own address, whatever host the request named."""
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "0", "key": "0"})
        return f"{settings.SITE_URL}{path.replace('0-0', key)}"

    def send_mail(self, template_prefix, email, context):
        sign_in_mail.send(template_prefix, email, context, otherwise=self.render_mail)

    def _get_login_attempts_cache_key(self, request, **credentials):
        """The name as typed, the same under every host that the site answers to.

        A name and an address of one account count apart: counted together, a lock on the
        one would tell that the other belongs to it.
        """
        return str(credentials.get("email") or credentials.get("username") or "").lower()


class SignInForm(LoginForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["login"].label = "User name or email"
        self.fields["login"].widget.attrs = {"autocomplete": "username"}
        del self.fields["password"].widget.attrs["placeholder"]
        # The page says it under the box, not between the box and its label.
        self.fields["password"].help_text = ""


class ResetForm(ResetPasswordForm):
    """Mails staff a link; does as much for anybody else, and throws it away."""

    def clean_email(self):
        email = super().clean_email()
        self.users = [
            user for user in self.users if user.is_staff and user.email.lower() == email.lower()
        ]
        return email

    def save(self, request, **kwargs):
        if self.users:
            return super().save(request, **kwargs)
        # The time that an answer takes must not tell who has an account.
        self.users = [User(pk=0, username="nobody", email="nobody@example.com")]
        with transaction.atomic():
            super().save(request, **kwargs)
            transaction.set_rollback(True)
        return self.cleaned_data["email"]


@receiver(password_reset)
def unlock(request, user, **kwargs):
    """Who has set a new password by mail need not wait for the throttle to forget the old."""
    for name in (user.username, user.email):
        ratelimit.clear(request, **LOGIN_FAILED, key=name.lower())


# --- Confirming that it is still them ------------------------------------------------------


def is_recently_confirmed(request):
    """True for ACCOUNT_REAUTHENTICATION_TIMEOUT seconds after signing in or confirming."""
    if not request.user.is_authenticated:
        return False
    records = get_authentication_records(request, request.user)
    if not records:
        return False
    return time.time() - records[-1]["at"] < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


def recently_confirmed(view):
    """Opens `view(request, …)` only to somebody who has just signed in or confirmed.

    For a method, or for a function whose first argument is the ModelAdmin, use
    `@method_decorator(recently_confirmed)`. Check permissions before: whoever may not do the
    thing should not be asked for a password first.

    A GET leads to the page that asks for the password, a code or the passkey, and from there
    back to the same address, query included; so a form is not shown before. A POST whose
    confirmation has lapsed meanwhile answers 403 with a page that asks, carries every posted
    field along in hidden fields (nothing is stored) and sends them on to `view` together
    with the answer. Files do not survive that; the page says so.
    """

    @wraps(view)
    def wrapped(request, *args, **kwargs):
        if is_recently_confirmed(request):
            return view(request, *args, **kwargs)
        if request.method != "POST":
            raise ReauthenticationRequired  # AccountMiddleware leads on.
        form = ConfirmForm(request.POST if ConfirmForm.was_sent(request) else None, request=request)
        if not form.is_valid():
            return _ask_in_between(request, form)
        form.save()
        request.POST = form.remaining()
        return view(request, *args, **kwargs)

    return wrapped


def _ask_in_between(request, form):
    posted = form.remaining()
    posted.pop("csrfmiddlewaretoken", None)
    context = {
        "form": form,
        "posted": [(name, value) for name in posted for value in posted.getlist(name)],
        "has_files": bool(request.FILES),
        "address": request.get_full_path(),
    }
    response = render(request, "account/confirm_in_between.html", context, status=403)
    add_never_cache_headers(response)
    return response


class ConfirmForm(forms.Form):
    """The password or a code, in between a form that was sent and what it does."""

    password = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    code = forms.CharField(
        label="Or a code: from your authenticator app, or a recovery code",
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )

    def __init__(self, *args, request):
        super().__init__(*args, prefix="confirm")
        self.request = request

    @classmethod
    def was_sent(cls, request):
        return "confirm-password" in request.POST

    def clean(self):
        password, code = self.cleaned_data.get("password"), self.cleaned_data.get("code")
        self.code_form = None
        if code:
            self.code_form = ConfirmingCodeForm(user=self.request.user, data={"code": code})
            for error in self.code_form.errors.get("code", ()):
                self.add_error("code", error)
        elif not password:
            raise forms.ValidationError("Enter your password or a code.")
        elif not account_adapter().reauthenticate(self.request.user, password):
            self.add_error("password", AccountAdapter.error_messages["incorrect_password"])

    def save(self):
        if self.code_form:
            self.code_form.save()
        else:
            record_authentication(
                self.request, self.request.user, method="password", reauthenticated=True
            )

    def remaining(self):
        """What was posted for the view itself."""
        posted = self.request.POST.copy()
        for name in self.fields:
            posted.pop(self.add_prefix(name), None)
        return posted


class ConfirmedAdmin:
    """A ModelAdmin whose every form and change asks first who is there."""

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        view = self._confirmed(request, super().changeform_view)
        return view(request, object_id, form_url, extra_context)

    def delete_view(self, request, object_id, extra_context=None):
        return self._confirmed(request, super().delete_view)(request, object_id, extra_context)

    def changelist_view(self, request, extra_context=None):
        view = super().changelist_view
        if request.method == "POST":
            view = self._confirmed(request, view)
        return view(request, extra_context)

    def _confirmed(self, request, view):
        if not any(self.get_model_perms(request).values()):
            raise PermissionDenied
        return recently_confirmed(view)

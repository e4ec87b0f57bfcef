"""When staff are signed out: too long idle, too long signed in, or their account changed.

A session ends SESSION_IDLE_MINUTES after a person's last request, and SESSION_HOURS after
the sign-in whatever happens (`StaffSession.ends_at`). It ends at once when the password,
the roles, the permissions or the second factor of its account change, or the account is
closed.
"""

from allauth.core import context
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.contrib.sessions.backends.db import SessionStore as StockStore
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.utils import timezone

from ..http.headers import STAFF_PATHS
from .session_store import LONGEST_DEVICE, StaffSession, stored_key

# Of an account: what a session was opened with. When one of these changes, it is over.
OPENED_WITH = ("password", "is_active", "is_staff", "is_superuser")
# A page's own script says so of what it asks by itself; browsers say what is no page.
BY_ITSELF = "X-Background"


class SessionActivityMiddleware:
    """Moves the end of a session on with each request of a person.

    What a page asks for by itself (who else is here, how long is left) does not count, or
    an open page would keep its session for ever.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        is_at_work = (
            request.path.startswith(STAFF_PATHS) or "preview" in request.META["QUERY_STRING"]
        )
        if is_at_work and is_by_a_person(request):
            request.session.touch()
        response = self.get_response(request)
        if request.session.has_run_out:
            messages.info(request, "You were signed out, because too much time had passed.")
        return response


def is_by_a_person(request) -> bool:
    """Whether the request opens a page, rather than coming from the script of an open one."""
    mode = request.headers.get("Sec-Fetch-Mode", "navigate")
    return mode == "navigate" and BY_ITSELF not in request.headers


def end_all(user, *, but=None) -> int:
    """Signs the user out everywhere but in the session `but` (a store); how many ended."""
    rows = StaffSession.objects.filter(user=user)
    if but is not None and but.session_key:
        rows = rows.exclude(pk=stored_key(but.session_key))
    return rows.delete()[0]


def clear_ended():
    """Deletes what has run out, addresses and devices with it, and rows of Django's own
    table that an earlier version left behind."""
    for model in (StaffSession, StockStore.get_model_class()):
        model.objects.filter(expire_date__lt=timezone.now()).delete()


# --- What begins and ends sessions --------------------------------------------------------


def _begin(sender, request, user, **kwargs):
    device = request.META.get("HTTP_USER_AGENT", "").replace("\0", "")
    request.session.begin(
        address=request.META.get("REMOTE_ADDR") or None, device=device[:LONGEST_DEVICE]
    )


def _note_sign_out(sender, request, user, **kwargs):
    request.has_signed_out = True  # headers.py then has the browser forget.


def _remember_before(sender, instance, raw=False, **kwargs):
    instance.opened_with_before = (
        None if raw else sender.objects.filter(pk=instance.pk).values_list(*OPENED_WITH).first()
    )


def _end_when_account_changed(sender, instance, **kwargs):
    """A new password ends the acting browser's session too, but there Django opens a new one
    (`update_session_auth_hash`), so it is the others that notice."""
    before = instance.opened_with_before
    if before and before != tuple(getattr(instance, name) for name in OPENED_WITH):
        end_all(instance)


def _end_when_roles_changed(sender, instance, action, reverse, pk_set, **kwargs):
    if not action.startswith("post_"):
        return
    if not reverse:
        end_all(instance)
    elif pk_set:  # Changed from the role's side.
        StaffSession.objects.filter(user__in=pk_set).delete()


def _end_when_factor_removed(sender, instance, **kwargs):
    """Who removes one of their own keeps the browser in hand; recovery codes are no factor."""
    if instance.type != Authenticator.Type.RECOVERY_CODES:
        # Of the request in hand; when a colleague does it, it is none of this account's.
        end_all(instance.user_id, but=getattr(context.request, "session", None))


def watch(user_model):
    user_logged_in.connect(_begin, dispatch_uid="sessions.begin")
    user_logged_out.connect(_note_sign_out, dispatch_uid="sessions.sign_out")
    pre_save.connect(_remember_before, user_model, dispatch_uid="sessions.before")
    post_save.connect(_end_when_account_changed, user_model, dispatch_uid="sessions.account")
    for field in (user_model.groups, user_model.user_permissions):
        m2m_changed.connect(
            _end_when_roles_changed, field.through, dispatch_uid=f"sessions.{field.field.name}"
        )
    post_delete.connect(_end_when_factor_removed, Authenticator, dispatch_uid="sessions.factor")

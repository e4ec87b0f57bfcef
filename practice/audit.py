"""The practice's own pages, hours and staff accounts leave a record of who changed what."""

import logging

from allauth.mfa.models import Authenticator
from auditlog.middleware import AuditlogMiddleware
from auditlog.registry import auditlog
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver

from .http.headers import STAFF_PATHS
from .models import Closure, Location, OpeningHours, Practice, Surgeon, User

logger = logging.getLogger("practice.sign_in")

# Numbers that follow from a change and say nothing about it.
DERIVED = ["content_version", "content_changed_at", "changed_at"]


class StaffAuditMiddleware(AuditlogMiddleware):
    """Names the actor only where staff act.

    Asking who it is reads the session, and so the database, which the patient's form must
    be able to do without. And who only reads a public page changes nothing: for them the
    audit's signals, which cost as much as the page, are not connected.
    """

    def __call__(self, request):
        if request.method in ("GET", "HEAD") and not request.path.startswith(STAFF_PATHS):
            return self.get_response(request)
        return super().__call__(request)

    @staticmethod
    def _get_actor(request):
        if not request.path.startswith(STAFF_PATHS):
            return None
        return AuditlogMiddleware._get_actor(request)


@receiver(user_logged_in)
def _log_sign_in(user, **kwargs):
    logger.info("Account %s signed in.", user.pk)


@receiver(user_logged_out)
def _log_sign_out(user, **kwargs):
    if user is not None:
        logger.info("Account %s signed out.", user.pk)


@receiver(user_login_failed)
def _log_failure(**kwargs):
    """Whose name was tried is not said: people type their password there by mistake."""
    logger.warning("A sign-in failed: name or password was wrong.")


def register():
    auditlog.register(Practice, exclude_fields=list(DERIVED))
    auditlog.register(Location, exclude_fields=list(DERIVED))
    auditlog.register(OpeningHours)
    auditlog.register(Closure)
    auditlog.register(Surgeon, exclude_fields=list(DERIVED), m2m_fields={"locations"})
    auditlog.register(
        User,
        exclude_fields=["password", "last_login"],
        m2m_fields={"groups", "user_permissions"},
    )
    # That somebody got or lost a second factor, never what it is made of.
    auditlog.register(Authenticator, include_fields=["user", "type"])

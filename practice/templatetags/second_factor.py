"""What the page of the second factor asks about secrets that may no longer be readable."""

from django import template

from practice.encryption import DecryptionError, decrypt

register = template.Library()


@register.filter
def codes_left(codes):
    """How many recovery codes are unused; None where no key opens their seed."""
    try:
        return len(codes.get_unused_codes()) if codes else 0
    except DecryptionError:
        return None


@register.filter
def is_lost(app):
    """Whether no key opens the secret of the authenticator app any more."""
    try:
        decrypt(app.instance.data["secret"])
    except DecryptionError:
        return True
    return False

"""What a colleague changed while somebody had the page open, field by field."""

from practice.templatetags.text import day

from ..choices import Status
from . import acts


def differences(seen, row):
    """(field, when you opened it, now) for each that differs; `seen` is what the page sent."""
    pairs = (
        ("State", "seen_status", row.status, _state),
        ("Owner", "seen_owner", str(row.owner_id or ""), _owner),
        ("Follow-up", "seen_follow_up", str(row.follow_up_on or ""), _day),
        ("Merged into", "seen_into", str(row.duplicate_of_id or ""), _reference),
    )
    return [
        (label, words(seen[key]), words(now))
        for label, key, now, words in pairs
        if key in seen and seen[key] != now
    ]


def _state(value):
    return Status(value).label if value in Status.values else "unknown"


def _owner(value):
    if not value:
        return "nobody"
    user = acts.account(value)
    return str(user) if user else "unknown"


def _reference(value):
    if not value:
        return "none"
    return str(acts.request_numbered(value) or "a request that is gone")


def _day(value):
    return day(acts.as_day(value)) if value else "none"

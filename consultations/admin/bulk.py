"""One act on several requests: asks first, then does each by itself and reports each.

Rows are chosen by number, not by the view they were seen in: a request that a colleague
claimed meanwhile has left “Unassigned”, and must be reported rather than dropped.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from .. import triage
from ..choices import Status
from ..staff_work import staff_forms


@dataclass(frozen=True)
class BulkAct:
    name: str
    label: str
    question: str
    verb: str
    do: Callable
    form: type[staff_forms.ActForm] = staff_forms.NothingForm


@dataclass
class Report:
    done: list = field(default_factory=list)
    failed: list = field(default_factory=list)
    not_found: int = 0


def _move_to(status):
    return lambda row, by, answers: triage.move(row, status, by=by)


BULK_ACTS = {
    act.name: act
    for act in (
        BulkAct(
            "claim",
            "Claim",
            "Take these requests?",
            "Claim",
            lambda row, by, answers: triage.claim(row, by=by),
        ),
        BulkAct(
            "give",
            "Give to…",
            "Give these requests to a colleague?",
            "Give",
            lambda row, by, answers: triage.assign(row, answers["colleague"], by=by),
            staff_forms.GiveSeveralForm,
        ),
        BulkAct(
            "release",
            "Release",
            "Take the owner off these requests?",
            "Release",
            lambda row, by, answers: triage.assign(row, None, by=by),
        ),
        BulkAct(
            "close",
            "Close…",
            "Close these requests?",
            "Close",
            lambda row, by, answers: triage.move(
                row, Status.CLOSED, by=by, note=answers["note"], reason=answers["reason"]
            ),
            staff_forms.CloseSeveralForm,
        ),
        BulkAct(
            "spam",
            "Mark as spam",
            "Mark these requests as spam?",
            "Mark",
            _move_to(Status.SPAM),
        ),
        BulkAct(
            "restore",
            "Not spam",
            "Put these requests back into the inbox?",
            "Put back",
            _move_to(Status.NEW),
        ),
    )
}


WORK = ("claim", "give", "release", "close", "spam")
# What makes sense in a view of the inbox; what is not named here may be anything.
OFFERED = {
    "todo": WORK,
    "mine": ("give", "release", "close", "spam"),
    "unassigned": ("claim", "give", "close", "spam"),
    "late": WORK,
    "due-today": WORK,
    "follow-up": WORK,
    "from-patients": WORK,
    "quarantine": ("restore", "spam", "close"),
    "closed": (),
    "spam": ("restore",),
}


def offered(view):
    """The acts for the requests of a view; for a search (no view) all of them."""
    names = OFFERED.get(view.key, BULK_ACTS) if view else BULK_ACTS
    return [BULK_ACTS[name] for name in names]


def perform(act: BulkAct, rows, by, answers, asked_for: int) -> Report:
    """Does `act` to each row in its own transaction: one failure leaves the others done."""
    report = Report()
    for row in rows:
        try:
            act.do(row, by, answers)
        except triage.TriageError as error:
            report.failed.append((row, str(error)))
        else:
            report.done.append(row)
    report.not_found = asked_for - len(report.done) - len(report.failed)
    return report

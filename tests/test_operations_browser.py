"""What managers see of the machinery in a real browser: jobs, and what is erased next."""

import pytest
from dateutil.relativedelta import relativedelta
from django.utils import timezone

from consultations.staff_work import staff_acts
from practice.management.commands.run_worker import JOBS
from practice.models import JobRun
from practice.operations import background

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
REQUESTS = "/admin/consultations/consultationrequest/"
RETENTION = f"{REQUESTS}erased-next/"
LIST = "/admin/practice/jobrun/"
PHONE = {"width": 320, "height": 640}
DESK = {"width": 1280, "height": 900}


@pytest.fixture
def jobs(practice):
    background.describe(JOBS)
    now = timezone.now()
    JobRun.objects.exclude(job="weekly report").update(
        started_at=now, finished_at=now, succeeded_at=now
    )
    JobRun.objects.filter(job="retention").update(failures=2, last_error="builtins.OSError")


@pytest.fixture
def due(a_request, manager):
    """Two requests whose time is over, one of them held back."""
    old = {
        "status": "closed",
        "close_reason": "no_reply",
        "closed_at": timezone.now() - relativedelta(years=3),
    }
    held = a_request(**old)
    staff_acts.hold(held, True, "A letter from a court.", by=manager)
    return a_request(**old)


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_fits(
    open_page, sign_in, manager, jobs, due, axe, viewport, scheme
):
    page = open_page(viewport=viewport, color_scheme=scheme)
    sign_in(page, manager)
    for address in (LIST, f"{LIST}retention/change/", RETENTION):
        page.goto(address)
        assert axe(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], address


def test_a_job_is_run_and_a_request_held_back_by_hand(open_page, sign_in, manager, jobs, due):
    page = open_page(viewport=DESK)
    sign_in(page, manager)

    page.goto(LIST)
    page.get_by_role("button", name="Run now Retention").click()
    assert page.get_by_text("“Retention” runs as soon as the worker has a moment.").is_visible()
    assert JobRun.objects.get(job="retention").is_asked_for

    page.goto(RETENTION)
    page.get_by_text(f"Hold back {due.reference}").click()
    page.get_by_label("Reason: a dispute or an official demand").fill("Another letter.")
    page.get_by_role("button", name="Put on a legal hold").click()
    due.refresh_from_db()
    assert due.legal_hold
    assert page.get_by_text("Another letter.").is_visible()

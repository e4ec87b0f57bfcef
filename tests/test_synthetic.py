"""The daily self test: walks the real way over HTTP, leaves nothing, and says what is broken."""

from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from post_office.models import STATUS, Email

from consultations import intake, notifications, privacy, spam, synthetic, views
from consultations.models import ConsultationRequest, ErasureReceipt, Event, SubmissionCount
from consultations.search_words import SearchWord
from practice.models import JobRun
from practice.operations import health
from practice.operations.background import JobFailed, recorded
from tests import dump, processes

pytestmark = pytest.mark.django_db(transaction=True)
FORM = "/consultation/"


@pytest.fixture
def served(live_server, settings, practice, monkeypatch):
    """The site on a port, with a form that may be sent at once."""
    settings.SITE_URL, settings.SELF_TEST = live_server.url, True
    settings.CSRF_TRUSTED_ORIGINS = [live_server.url]
    monkeypatch.setattr(spam, "MINIMUM_SECONDS", 0)
    monkeypatch.setattr(synthetic, "BETWEEN_TRIES", 0)
    return live_server


def run():
    with recorded(synthetic.JOB):
        synthetic.check_the_form()


def failure():
    with pytest.raises(JobFailed) as raised:
        run()
    return str(raised.value)


def test_it_walks_the_whole_way_and_leaves_nothing(served):
    LogEntry.objects.all().delete()  # Of the practice that the test has made.

    run()

    assert not ConsultationRequest.objects.exists()
    assert not Email.objects.exists()
    for model in (Event, SearchWord, SubmissionCount, ErasureReceipt, LogEntry):
        assert not model.objects.exists(), model
    assert dump.places_of("self-test.invalid") == set()
    assert dump.places_of("Self test") == set()
    assert JobRun.objects.get(job=synthetic.JOB).succeeded_at


def test_what_it_sends_is_seen_by_nobody_while_it_is_there(
    served, monkeypatch, signed_in, manager, a_request
):
    real = a_request()
    seen = {}

    def look(request):
        client = signed_in(manager)
        inbox = "/admin/consultations/consultationrequest/"
        for query in ("?view=all", "?q=Self+test", f"?q={request.reference}"):
            seen[query] = client.get(f"{inbox}{query}").content.decode()
        seen["link"] = f"/{request.pk}/change/"
        seen["page"] = client.get(f"{inbox}{request.pk}/change/").status_code
        seen["counted"] = ConsultationRequest.objects.genuine().count()

    monkeypatch.setattr(synthetic, "_check_mails", look)
    run()

    assert f"/{real.pk}/change/" in seen["?view=all"]
    for query in [each for each in seen if each.startswith("?")]:
        assert seen["link"] not in seen[query], query
    assert seen["page"] == 302
    assert seen["counted"] == 1


@pytest.mark.parametrize(
    ("broken", "what", "why"),
    [
        (views, "_fresh_page", "The form answered 500."),
        (intake, "_store", "The form was not accepted (status 500)."),
        (intake, "_consents", "The consents were not stored as they were given."),
        (notifications, "of_received", "not queued"),
    ],
)
def test_each_broken_step_is_named_and_the_operators_are_told(
    served, settings, monkeypatch, broken, what, why
):
    settings.ERROR_EMAIL = ["it@example.com", "owner@example.com"]

    def fail(*args, **kwargs):
        raise ValueError("what a patient wrote")

    def nothing(*args):
        return []

    quietly = what in ("_consents", "of_received")
    monkeypatch.setattr(broken, what, nothing if quietly else fail)

    assert why in failure()

    mails = Email.objects.filter(subject__contains="may be broken")
    assert {mail.to[0] for mail in mails} == {"it@example.com", "owner@example.com"}
    assert all(why in mail.message for mail in mails)
    assert not ConsultationRequest.objects.exists()


def test_a_request_that_is_set_aside_is_a_failure(served, monkeypatch):
    monkeypatch.setattr(spam, "suspicions", lambda *args: [spam.Suspicion("Wrong.")])

    assert "set aside" in failure()
    assert not ConsultationRequest.objects.exists()


def test_a_site_that_does_not_answer_is_a_failure(served, settings):
    settings.SELF_TEST_URL = "http://127.0.0.1:9"

    assert failure() == "The site does not answer."
    assert Email.objects.get().to == ["hello@example.com"]


def test_operators_are_told_once_a_day_and_when_it_is_over(served, settings, monkeypatch):
    settings.SELF_TEST_URL = "http://127.0.0.1:9"
    for _ in range(3):
        failure()
    assert Email.objects.count() == 1
    JobRun.objects.update(failures=synthetic.TOLD_EVERY)
    failure()
    assert Email.objects.count() == 2

    settings.SELF_TEST_URL = ""
    run()
    run()

    assert Email.objects.filter(subject__contains="works again").count() == 1


def test_asked_to_stop_it_sends_nothing(served):
    synthetic.check_the_form(goes_on=lambda: False)

    assert not ConsultationRequest.objects.exists()
    assert not Event.objects.exists()


def test_what_a_killed_run_left_over_goes_with_the_next(served, a_request, practice):
    real = a_request(is_test=False)
    old = timezone.now() - synthetic.LEFT_OVER_AFTER * 2
    left = a_request(is_test=True, received_at=old)
    notifications.tell_received(left, practice)

    run()

    assert list(ConsultationRequest.objects.all()) == [real]
    assert not Email.objects.exists()


def test_its_mails_go_nowhere_even_if_the_queue_is_faster(a_request, practice, mailoutbox):
    notifications.tell_received(a_request(is_test=True), practice)
    notifications.tell_received(a_request(), practice)

    call_command("run_worker", once=True)

    assert len(mailoutbox) == 2
    assert set(Email.objects.values_list("status", flat=True)) == {STATUS.sent}


# --- The mark cannot be forged ----------------------------------------------------------------


def marked(message, header, answers):
    Client().post(FORM, answers | {"message": message}, headers={synthetic.HEADER: header})
    return ConsultationRequest.objects.get().is_test


def test_only_the_site_s_own_signature_marks_a_request(practice, answers):
    assert marked(synthetic.words("1"), synthetic.SIGNER.sign("1"), answers)


@pytest.mark.parametrize(
    ("message", "header"),
    [
        ("My nose.", ""),
        (synthetic.words("1"), "1"),
        (synthetic.words("1"), "1:abc:def"),
        (synthetic.words("2"), synthetic.SIGNER.sign("1")),
        ("My nose.", synthetic.SIGNER.sign("1")),
    ],
    ids=["none", "unsigned", "forged", "another text", "a stolen one"],
)
def test_no_other_request_is_marked(practice, answers, message, header):
    assert not marked(message, header, answers)


def test_an_old_mark_marks_nothing(practice, answers, time_machine):
    header = synthetic.SIGNER.sign("1")
    time_machine.move_to(timezone.now())
    time_machine.shift(synthetic.MARK_HOLDS_FOR.total_seconds() + 1)
    assert not marked(synthetic.words("1"), header, answers)


def test_a_person_s_request_is_never_removed_as_a_test(a_request):
    with pytest.raises(ValueError, match="may be a person"):
        privacy.remove_test(a_request())


def test_a_real_request_does_not_resemble_a_test(practice, answers, a_request):
    a_request(is_test=True, email=answers["email"])
    Client().post(FORM, answers)
    assert ConsultationRequest.objects.get(is_test=False).resembles is None


# --- What monitors are told -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        (None, "ok"),
        ({}, "ok"),
        ({"started_at": 1, "succeeded_at": 1}, "ok"),
        ({"started_at": 1, "succeeded_at": 26}, "ok"),
        ({"started_at": 1, "succeeded_at": 27}, "last passed 27 h ago"),
        ({"started_at": 27}, "last passed 27 h ago"),
        ({"started_at": 0, "succeeded_at": 1, "failures": 1}, "failed 1 time in a row"),
        ({"started_at": 0, "failures": 2}, "failed 2 times in a row"),
    ],
)
def test_the_monitor_says_how_the_self_test_fares(db, settings, time_machine, fields, state):
    settings.SELF_TEST = True
    time_machine.move_to("2026-03-04T12:00:00Z", tick=False)
    if fields is not None:
        moments = {
            name: timezone.now() - timedelta(hours=value) if name.endswith("_at") else value
            for name, value in fields.items()
        }
        JobRun.objects.create(job=synthetic.JOB, **moments)

    assert health.self_test() == state

    settings.SELF_TEST = False
    assert health.self_test() == "ok"


def test_a_real_site_behind_https_is_walked_from_its_worker():
    with processes.a_site(connection.vendor == "postgresql") as site:
        site.environment |= {
            "SELF_TEST": "on",
            "SELF_TEST_URL": f"http://127.0.0.1:{site.port}",
            "WEB_CONCURRENCY": "1",
        }
        site.ask(
            "from practice.models import JobRun\nfrom django.utils import timezone\n"
            "JobRun.objects.create(job='self test', asked_at=timezone.now())"
        )
        site.serve(workers=1)
        site.manage("run_worker", "--once")
        found = site.ask(
            "from practice.models import JobRun\n"
            "from consultations.models import ConsultationRequest\n"
            "run = JobRun.objects.get(job='self test')\n"
            "answer = [run.failures, run.last_error, bool(run.succeeded_at),"
            " ConsultationRequest.objects.count()]"
        )
        assert found == [0, "", True, 0], site.logs()

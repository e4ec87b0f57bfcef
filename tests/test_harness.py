"""The tools of the tests themselves: what they promise, and that they can fail."""

import json

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.mail import send_mail
from django.db import connection
from django.urls import reverse
from post_office.mail import send_queued
from post_office.models import Email

from tests import clerk, run
from tests.browser import Problems

# --- make test -------------------------------------------------------------------------------

GOOD = run.Result("SQLite", passed=3)


def last_line(*results):
    return list(run.summary(results))[-1]


def test_the_last_line_holds_the_totals():
    assert last_line(GOOD, run.Result("Chromium", passed=2, failed=1)) == "5 passed, 1 failed"


@pytest.mark.parametrize(
    "bad",
    [
        run.Result("Chromium", passed=2, failed=1),
        run.Result("Chromium", passed=2, skipped=1),
        run.Result("Chromium", problem="none was found"),
        run.Result("Chromium", passed=2, problem="pytest stopped with exit code 3"),
    ],
)
@pytest.mark.parametrize("is_selection", [True, False])
def test_whatever_did_not_pass_fails_the_run(bad, is_selection):
    assert run.is_success([GOOD], is_selection=is_selection)
    assert not run.is_success([GOOD, bad], is_selection=is_selection)


def test_a_suite_without_tests_fails_the_run_unless_tests_were_selected():
    empty = run.Result("Chromium")
    assert not run.is_success([GOOD, empty], is_selection=False)
    assert run.is_success([GOOD, empty], is_selection=True)
    assert not run.is_success([empty, empty], is_selection=True)


def test_the_report_of_pytest_is_counted(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite tests="9" failures="2" errors="1" skipped="1"/></testsuites>'
    )
    assert run.count("SQLite", report) == run.Result("SQLite", passed=5, failed=3, skipped=1)


def test_a_suite_beside_the_others_says_at_its_end_how_it_went(capfd):
    with run.beside_others("Beside", "once", ["tests/test_proxies.py"]) as suite:
        result = suite.end()
    assert (result.name, result.failed, result.problem) == ("Beside", 0, "")
    assert result.passed > 10
    assert result.seconds > 0
    assert f"{result.passed} passed" in capfd.readouterr().out.partition("--- Beside")[2]


def test_a_suite_that_cannot_run_is_a_problem_and_not_an_empty_suite():
    with run.beside_others("Beside", "once", ["tests/no_such_file.py"]) as suite:
        assert suite.end().problem == "pytest stopped with exit code 4"


def test_a_suite_that_nobody_waits_for_is_broken_off():
    with run.beside_others("Beside", "once", ["tests"]) as suite:
        pass
    assert suite.process.poll() is not None


def marks_of(request):
    return {mark.name for mark in request.node.iter_markers()}


def test_whoever_asks_no_database_is_asked_beside_one_of_them_only(request):
    assert "once" in marks_of(request)


def test_whoever_asks_it_is_asked_beside_both(practice, request):
    assert "once" not in marks_of(request)


# --- Whom process tests ask ------------------------------------------------------------------


def test_the_clerk_answers_or_says_what_went_wrong():
    assert clerk.done("answer = number + 1", {"number": 1}) == {"answer": 2}
    assert clerk.done("print('Nothing to say')", {}) == {"answer": None}
    assert "ZeroDivisionError" in clerk.done("1 / 0", {})["error"]
    assert clerk.done("import os; os._exit(7)", {})["error"]


def test_nothing_that_one_question_leaves_behind_is_there_for_the_next():
    clerk.done("import sys; sys.left_behind = True", {})
    assert clerk.done("import sys; answer = hasattr(sys, 'left_behind')", {}) == {"answer": False}


# --- Settings and mail -----------------------------------------------------------------------


def test_tests_run_on_production_settings():
    assert not settings.DEBUG
    assert settings.SECOND_FACTOR_REQUIRED
    assert settings.SESSION_COOKIE_SECURE


@pytest.mark.django_db
def test_mail_is_queued_first_and_sent_by_the_queue(mailoutbox):
    send_mail("Subject", "Text", None, ["ada@example.com"])
    assert Email.objects.count() == 1
    assert mailoutbox == []
    send_queued()
    assert [mail.subject for mail in mailoutbox] == ["Subject"]


@pytest.mark.django_db
def test_the_sink_is_a_real_mail_server(smtp_sink):
    send_mail("Subject", "Grüße", None, ["ada@example.com"])
    send_queued()
    (message,) = smtp_sink.messages
    assert message["subject"] == "Subject"
    assert message.get_content().strip() == "Grüße"
    assert message.envelope_to == ["ada@example.com"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", ["first", "second"])
def test_roles_outlive_tests_that_commit(time, coordinator):
    assert coordinator.has_perm("consultations.triage_request")


def comparable(contents):
    """The rows in what Django has written down, whatever order their links are in."""
    rows = json.loads(contents)
    for row in rows:
        if "permissions" in row["fields"]:
            row["fields"]["permissions"].sort()
    return rows


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", ["first", "second"])
def test_what_migrations_put_there_comes_back_whole(time):
    found = comparable(connection.creation.serialize_db_to_string())
    wanted = comparable(connection._test_serialized_contents)
    assert len(wanted) > 200
    assert [row for row in wanted if row not in found] == []
    Group.objects.all().delete()


def test_staff_with_a_second_factor_reach_the_admin(practice, manager, signed_in):
    assert signed_in(manager).get("/admin/").status_code == 200


def test_the_answers_are_a_request_that_is_accepted(client, practice, answers):
    response = client.post(reverse("consultation"), answers)
    assert response.status_code == 302, response.context["form"].errors


# --- The browser -----------------------------------------------------------------------------

BAD = {
    "Content Security Policy": "document.body.setAttribute('style', 'color: red')",
    "script": "setTimeout(() => { throw new Error('broken') })",
    "another host": "location.href = 'https://other.invalid/'",
    "404": "fetch('/missing').catch(() => 0)",
    "console": "console.error('oh')",
}


@pytest.mark.browser
@pytest.mark.parametrize("expected", BAD)
def test_what_a_browser_complains_about_is_noticed(page, practice, problems, expected):
    page.goto("/privacy/")
    assert problems == []
    page.evaluate(f"() => {{ {BAD[expected]} }}")
    page.wait_for_timeout(300)
    assert any(expected in each for each in problems), problems
    problems.clear()


def test_only_what_a_test_allows_is_accepted():
    problems = Problems()
    problems += ["console: 404 (/missing)", "script: broken"]
    problems.allow("404")
    assert problems.unexpected == ["script: broken"]


@pytest.mark.browser
def test_axe_finds_what_is_wrong(page, practice, axe):
    page.goto("/privacy/")
    assert axe(page) == []
    page.evaluate("() => { document.body.append(document.createElement('button')) }")
    assert ["button-name" in each for each in axe(page)] == [True]


@pytest.mark.browser
def test_staff_sign_in_through_the_browser(page, practice, coordinator, sign_in):
    sign_in(page, coordinator)
    assert page.locator("text=Sign out").count()

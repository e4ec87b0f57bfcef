"""Fixtures that drive a real Chromium against a running site (`-p tests.browser`).

Mark such tests with `@pytest.mark.browser`. Whatever the browser complains about fails the
test at its end: errors in the console (so also violations of the content security policy),
failed requests, and any request to another host.
"""

import os
from urllib.parse import urlsplit

import pytest

from tests import chromium

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
STANDARDS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")


class Problems(list):
    """What the browser complained about; `allow("404")` accepts complaints with that text."""

    def __init__(self):
        super().__init__()
        self.allowed = []

    def allow(self, text):
        self.allowed.append(text)

    @property
    def unexpected(self):
        return [each for each in self if not any(text in each for text in self.allowed)]


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    path = chromium.find()
    assert path, "No Chromium was found. `make test` installs one; or set CHROMIUM=/path/to/it."
    # Playwright keeps an event loop in this thread; the ORM would refuse to work beside it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    from django.db import connection

    # While Playwright's loop runs, Django has another connection object in this thread; what
    # the first knew of the fresh database (the roles) has to be known to it too.
    contents = getattr(connection, "_test_serialized_contents", None)
    with sync_playwright() as playwright:
        if contents is not None:
            connection._test_serialized_contents = contents
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def live_site(django_db_serialized_rollback, live_server, settings):
    """The address of the site, served over plain HTTP with this test's database."""
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    # Browsers refuse “__Host-” cookies over plain HTTP.
    settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "session", "csrf"
    settings.COOKIE_PREFIX = ""
    settings.SECOND_FACTOR_REQUIRED = False
    settings.SITE_URL = live_server.url
    return live_server.url


@pytest.fixture
def problems():
    problems = Problems()
    yield problems
    assert not problems.unexpected, "\n".join(problems.unexpected)


@pytest.fixture
def open_page(browser, live_site, problems):
    """Opens a page with nobody else's cookies: `open_page(java_script_enabled=False)`."""
    contexts = []

    def open_page(**options):
        context = browser.new_context(base_url=live_site, locale="en-US", **options)
        context.set_default_timeout(15_000)
        watch(context, urlsplit(live_site).netloc, problems)
        contexts.append(context)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_page):
    return open_page()


@pytest.fixture
def sign_in():
    """`sign_in(page, user)` fills in the staff's sign-in page and waits for the admin."""
    from tests.conftest import PASSWORD

    def sign_in(page, user, password=PASSWORD):
        page.goto("/staff/login/")
        page.fill("input[name=login]", user.username)
        page.fill("input[name=password]", password)
        page.press("input[name=password]", "Enter")
        page.wait_for_url("**/admin/**")

    return sign_in


@pytest.fixture
def axe():
    """`axe(page)` lists the violations of WCAG 2.2 AA, one line each; empty is good."""
    from axe_playwright_python.base import AXE_SCRIPT

    def axe(page):
        options = {
            "resultTypes": ["violations"],
            "runOnly": {"type": "tag", "values": STANDARDS},
            "preload": False,  # It would copy stylesheets into the page, which its policy forbids.
        }
        if not page.evaluate("'axe' in window"):
            page.evaluate(AXE_SCRIPT)
        found = page.evaluate("options => axe.run(options)", options)["violations"]
        return [
            f"{each['id']} ({each['impact']}): {each['help']}: {node['target']} {node['html']:.160}"
            for each in found
            for node in each["nodes"]
        ]

    return axe


def watch(context, host, problems):
    def on_console(message):
        if message.type == "error":
            problems.append(f"console: {message.text} ({message.location.get('url', '')})")

    def on_request(request):
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != host:
            problems.append(f"request to another host: {request.url}")

    def on_failure(request):
        # A page that is left, or a link that turns out to be a download, aborts its requests.
        if "ERR_ABORTED" not in (request.failure or ""):
            problems.append(f"request failed: {request.url}: {request.failure}")

    context.on("console", on_console)
    context.on("weberror", lambda error: problems.append(f"script: {error.error}"))
    context.on("request", on_request)
    context.on("requestfailed", on_failure)

"""Two servers of one site as fixtures, the people who use them, and what was stored of them."""

import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest

from tests.conftest import PASSWORD
from tests.pages import Page
from tests.patients import Patient
from tests.processes import visit
from tests.servers import several_servers

LONGEST_FILLING = 3.2  # Seconds: nobody fills the form in faster; the spam rules know.
ACCOUNT = """
from practice.models import User
User.objects.create_superuser(name, f"{name}@example.com", password)
"""
# A browser that has passed the second factor.
SIGNED_IN = f"""
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client
from practice.models import User
user = User.objects.filter(username=name).first()
if user is None:
    user = User.objects.create_superuser(name, f"{{name}}@example.com", {PASSWORD!r})
    TOTP.activate(user, generate_totp_secret())
client = Client()
client.force_login(user)
answer = "; ".join(f"{{key}}={{morsel.value}}" for key, morsel in client.cookies.items())
"""
ROWS = """
from consultations.models import ConsultationRequest
answer = [
    {
        "marker": row.full_name.removeprefix("Pat "),
        "reference": row.reference,
        "status": row.status,
        "consents": row.consents.count(),
        "received": row.events.filter(kind="received").count(),
    }
    for row in ConsultationRequest.objects.filter(is_test=False)
    if row.full_name.removeprefix("Pat ") in markers
]
"""


@pytest.fixture(scope="module")
def installed():
    with several_servers() as servers:
        servers.set(SELF_TEST="off")
        yield servers


@pytest.fixture
def servers(installed):
    """Both serving when a test begins, and whatever it did to them, the next test's too."""
    for each in installed.both:
        if not getattr(each, "server", None) or each.server.poll() is not None:
            each.serve()
    yield installed
    for each in installed.both:
        if worker := getattr(each, "worker", None):
            worker.kill()
            worker.wait()


class People:
    """Patients with numbers that no other test uses."""

    def __init__(self):
        self.known = 0

    def __call__(self, count, *sites, kind=Patient):
        """`count` people who have opened the form at these sites in turn, and filled it in."""
        people = [kind(sites[number % len(sites)], self.known + number) for number in range(count)]
        self.known += count
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(Patient.open, people))
        time.sleep(LONGEST_FILLING)
        return people


people = People()


def rows_of(servers, senders):
    found = servers.b.ask(ROWS, markers=[each.marker for each in senders])
    return {each.marker: [row for row in found if row["marker"] == each.marker] for each in senders}


def assert_each_is_stored_once_as_told(servers, senders):
    """Row by row: one that is lost and one that is doubled would cancel out in a total."""
    rows = rows_of(servers, senders)
    wrong = [
        (each.marker, each.references, rows[each.marker])
        for each in senders
        if each.receipt
        and [(row["reference"], row["consents"], row["received"]) for row in rows[each.marker]]
        != [(reference, 3, 1) for reference in each.references]
    ]
    assert wrong == []
    assert [each.marker for each in senders if not each.receipt] == []


def signed_in(servers, name="maria"):
    """The cookies of somebody who has signed in somewhere."""
    return servers.a.ask(SIGNED_IN, name=name)


def try_to_sign_in(site, name, password, address):
    opened = visit(site, "/staff/login/", address=address)
    fields = Page(opened).fields | {"login": name, "password": password}
    cookie = "; ".join(each.partition(";")[0] for each in opened.headers.get_all("Set-Cookie"))
    return visit(site, "/staff/login/", urlencode(fields), address=address, cookie=cookie)

"""The patient's form when something is wrong that is not the patient's doing."""

import pytest
from django.core import signing
from django.db import InterfaceError, InternalError, OperationalError, connection
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consultations import intake
from consultations.forms import ConsultationForm
from consultations.models import ConsultationRequest
from consultations.views import FORM_SALT
from practice import context_processors
from tests.pages import Page

pytestmark = pytest.mark.django_db

FORM = "/consultation/"
SENT_BY_HAND = set(ConsultationForm.base_fields) - {"token", "website"}


def kept(page, answers):
    return {name: page.fields.get(name, "") for name in SENT_BY_HAND & set(answers)}


def typed(answers):
    return {name: value for name, value in answers.items() if name in SENT_BY_HAND}


@pytest.fixture
def no_database():
    """`with no_database(error):` every statement fails with it."""

    def no_database(error):
        def fail(*args):
            raise error("connection to server was lost")

        return connection.execute_wrapper(fail)

    return no_database


# --- An expired form --------------------------------------------------------------------------


@pytest.fixture
def strict():
    """A client that is asked for its CSRF token, as every browser is."""
    return Client(enforce_csrf_checks=True)


def test_an_expired_form_is_given_back_with_everything_typed_and_can_be_sent(
    strict, practice, answers
):
    refused = strict.post(FORM, answers | {"csrfmiddlewaretoken": "long expired"})

    page = Page(refused)
    assert refused.status_code == 403
    assert "Nothing was sent yet" in page.text
    assert kept(page, answers) == typed(answers)
    assert not ConsultationRequest.objects.exists()

    sent = strict.post(FORM, page.fields)

    assert sent.status_code == 302
    assert ConsultationRequest.objects.get().message == answers["message"]


def test_an_expired_form_with_mistakes_keeps_them_for_the_next_try(strict, practice, answers):
    page = Page(strict.post(FORM, answers | {"email": "ada@"}))

    again = Page(strict.post(FORM, page.fields))

    assert again.fields["email"] == "ada@"
    assert again.error_of("email") == "Enter an email address like name@example.com."


def test_elsewhere_an_expired_form_says_that_nothing_happened(strict, practice, a_request):
    response = strict.post("/staff/login/", {"login": "carla"})

    assert response.status_code == 403
    assert "nothing was sent or changed" in Page(response).text


@pytest.mark.parametrize("token", ["", "nonsense", "a:b:c"], ids=repr)
def test_a_form_whose_ticket_was_lost_is_received_all_the_same(client, practice, answers, token):
    assert client.post(FORM, answers | {"token": token}).status_code == 302
    assert ConsultationRequest.objects.get().origin == "website"


def test_a_ticket_that_was_written_by_somebody_else_counts_for_nothing(client, practice, answers):
    foreign = signing.dumps({"token": "0" * 32, "origin": "referral"}, key="k" * 50, salt=FORM_SALT)

    assert client.post(FORM, answers | {"token": foreign}).status_code == 302
    assert ConsultationRequest.objects.get().origin == "website"


# --- No database ------------------------------------------------------------------------------

GONE = [OperationalError, InterfaceError, InternalError]


@pytest.fixture
def seen_before(client, practice, procedure):
    """This process has shown a page while the database was there."""
    client.get("/")
    return procedure


@pytest.mark.parametrize("error", GONE, ids=lambda error: error.__name__)
def test_a_send_while_the_database_is_gone_is_said_not_to_be_received(
    client, seen_before, answers, no_database, error
):
    sent = answers | {"procedure": str(seen_before.pk), "message": "Line one.\r\n<Line> & two."}

    with no_database(error):
        response = client.post(FORM, sent)

    page = Page(response)
    assert response.status_code == 503
    assert "We did not receive your request" in page.text
    assert "555-0100" in page.text
    shown = kept(page, sent)
    assert shown.pop("message").splitlines() == sent["message"].splitlines()
    assert shown == {name: text for name, text in typed(sent).items() if name != "message"}

    again = client.post(FORM, page.fields)

    assert again.status_code == 302
    assert ConsultationRequest.objects.get().procedure == seen_before


def test_who_has_shown_the_form_only_knows_the_phone_number_as_well(
    client, practice, answers, no_database, monkeypatch
):
    monkeypatch.setattr(context_processors, "_last_known", {})
    client.get(FORM)

    with no_database(OperationalError):
        page = Page(client.post(FORM, answers))

    assert "555-0100" in page.text
    assert "1 Example Street" in page.text


@pytest.mark.parametrize("error", GONE, ids=lambda error: error.__name__)
def test_a_failure_at_the_last_step_is_said_not_to_be_received(
    client, practice, answers, monkeypatch, error
):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(intake, "_store", fail)

    response = client.post(FORM, answers)

    page = Page(response)
    assert response.status_code == 503
    assert kept(page, answers) == typed(answers)
    assert not ConsultationRequest.objects.exists()


def test_a_mistake_made_while_the_database_is_gone_is_not_called_received(
    client, seen_before, answers, no_database
):
    with no_database(OperationalError):
        response = client.post(FORM, answers | {"email": "ada@"})

    page = Page(response)
    assert response.status_code == 503
    assert page.fields["email"] == "ada@"
    assert page.fields["message"] == answers["message"]


def test_the_form_cannot_be_opened_without_a_database_but_the_phone_number_is_there(
    client, seen_before, no_database
):
    with no_database(OperationalError):
        response = client.get(FORM)

    assert response.status_code == 503
    assert "555-0100" in Page(response).text


def test_a_process_that_never_saw_the_practice_still_gives_everything_back(
    client, practice, answers, no_database, monkeypatch
):
    monkeypatch.setattr(context_processors, "_last_known", {})

    with no_database(OperationalError):
        response = client.post(FORM, answers)

    assert response.status_code == 503
    assert kept(Page(response), answers) == typed(answers)


def test_the_database_comes_back_without_a_restart(client, seen_before, answers, no_database):
    with no_database(OperationalError):
        assert client.post(FORM, answers).status_code == 503

    assert client.get(FORM).status_code == 200
    assert client.post(FORM, answers).status_code == 302


# --- Hostile sends ----------------------------------------------------------------------------

nasty = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=60),
    st.sampled_from(
        [
            "\x00",
            "a\x00b",
            "\ud800",
            "\u202e\u2066",
            "' OR 1=1 --",
            "{{ 7*7 }}{% now 'Y' %}",
            "%s%n%(x)s",
            "<script>alert(1)</script>",
            "A" * 200_000,
            "\r\nBcc: x@example.com",
            "9" * 400,
            "-1",
            "1e309",
            "NaN",
            "on",
            "text",
            "phone",
            "١٢٣",
            "+1" * 60,
            "ada@" + "a." * 120 + "com",
        ]
    ),
)
values = st.one_of(nasty, st.lists(nasty, max_size=3))
FIELDS = [*ConsultationForm.base_fields, "csrfmiddlewaretoken", "status", "reference", "\x00"]


def encoded(text):
    """As bytes, because a hostile client is not held to valid text."""
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(changes=st.dictionaries(st.sampled_from(FIELDS), values, min_size=1, max_size=4))
def test_whatever_is_sent_it_is_never_an_error_of_ours(client, practice, answers, changes):
    client.raise_request_exception = False
    data = {
        name: [encoded(one) for one in each] if isinstance(each, list) else encoded(each)
        for name, each in (answers | changes).items()
    }

    response = client.post(FORM, data)

    assert response.status_code in (200, 302, 400, 403, 422)
    if response.status_code == 302:
        assert client.get(response["Location"]).status_code == 200


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    body=st.binary(max_size=300),
    content_type=st.sampled_from(
        [
            "application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded; charset=utf-16",
            "application/x-www-form-urlencoded; charset=nonsense",
            "application/json",
            "multipart/form-data",
            "multipart/form-data; boundary=x",
            "text/plain",
            "",
        ]
    ),
)
def test_no_body_is_an_error_of_ours(client, practice, body, content_type):
    client.raise_request_exception = False

    response = client.generic("POST", FORM, body, content_type=content_type)

    assert response.status_code in (200, 400, 403, 422)

"""Signing in with a password, and getting a new one: nothing for guessers, nothing told."""

import re
import time
from datetime import timedelta
from statistics import median

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from post_office.models import Email

from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
LOGIN = "/staff/login/"
RESET = "/staff/password/reset/"
NO_MATCH = "The name and the password do not match an account."
TOO_MANY = "Too many failed tries."
NEW = "a longer and newer password"


def sign_in(name, password=PASSWORD, *, address="192.0.2.1", client=None, **headers):
    client = client or Client()
    sent = {"login": name, "password": password}
    return client.post(LOGIN, sent, REMOTE_ADDR=address, **headers)


def words(response):
    """What the page says, without what differs from one page to the next by its nature."""
    text = response.content.decode()
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"|value="[^"]*" ', "", text)


def is_in(response):
    return response.status_code == 302 and response["Location"] == "/admin/"


# --- The password --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["carla", "CARLA", "carla@example.com", " Carla@Example.com "])
def test_staff_sign_in_with_their_name_or_address(coordinator, name):
    assert is_in(sign_in(name))


def test_the_page_says_the_same_whoever_is_meant(coordinator, colleague):
    colleague.is_active = False
    colleague.save()
    answers = [
        sign_in("nobody", "wrong password"),
        sign_in("carla", "wrong password"),
        sign_in("colin", "wrong password"),
        sign_in("colin", PASSWORD),
        sign_in("nobody@example.com", "wrong password"),
        sign_in("carla@example.com", "wrong password"),
        sign_in("colin@example.com", PASSWORD),
    ]
    assert {answer.status_code for answer in answers} == {200}
    assert all(NO_MATCH in answer.content.decode() for answer in answers)
    assert len({words(answer) for answer in answers}) == 1


def test_an_account_that_is_off_is_throttled_like_any_other(colleague):
    colleague.is_active = False
    colleague.save()
    for _ in range(5):
        assert NO_MATCH in sign_in("colin").content.decode()
    assert TOO_MANY in sign_in("colin").content.decode()


@pytest.mark.parametrize("name", ["carla", "carla@example.com", "nobody"])
def test_guessing_from_many_addresses_ends_after_five_tries(coordinator, name):
    for number in range(5):
        answer = sign_in(name, f"guess {number}", address=f"192.0.2.{number}")
        assert NO_MATCH in answer.content.decode()
    for number in range(5, 15):
        answer = sign_in(name.upper(), f"guess {number}", address=f"198.51.100.{number}")
        assert TOO_MANY in answer.content.decode()


def test_the_right_password_does_not_help_during_the_lock(coordinator):
    locked = [sign_in(name, "wrong") for name in ("carla", "nobody") for _ in range(6)]
    assert words(locked[5]) == words(locked[11])
    answer = sign_in("carla", PASSWORD, address="198.51.100.7")
    assert TOO_MANY in answer.content.decode()
    assert words(answer) == words(locked[5])


def test_after_five_minutes_the_right_password_works_again(coordinator):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(6):
            sign_in("carla", "wrong")
        clock.shift(299)
        assert TOO_MANY in sign_in("carla").content.decode()
        clock.shift(2)
        assert is_in(sign_in("carla"))


def test_a_hundred_failures_are_the_end_of_the_day(coordinator):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(20):
            for _ in range(5):
                assert NO_MATCH in sign_in("carla", "wrong").content.decode()
            clock.shift(timedelta(minutes=6))
        assert TOO_MANY in sign_in("carla").content.decode()


def test_a_success_in_between_does_not_reset_the_count(coordinator):
    for _ in range(4):
        sign_in("carla", "wrong")
    assert is_in(sign_in("carla"))
    sign_in("carla", "wrong")
    assert TOO_MANY in sign_in("carla").content.decode()


def test_one_address_cannot_try_name_after_name(db):
    answers = [sign_in(f"name{number}", "guess").content.decode() for number in range(11)]
    assert all(NO_MATCH in answer for answer in answers[:10])
    assert TOO_MANY in answers[10]


def test_another_host_name_is_no_way_around_the_lock(coordinator, settings):
    settings.ALLOWED_HOSTS = [".example.org"]
    for number in range(6):
        sign_in("carla", "wrong", HTTP_HOST=f"www{number}.example.org")
    answer = sign_in("carla", HTTP_HOST="other.example.org")
    assert TOO_MANY in answer.content.decode()


def test_the_counters_are_in_the_cache_that_all_servers_share(coordinator):
    for _ in range(6):
        sign_in("carla", "wrong")
    cache.clear()
    assert is_in(sign_in("carla"))


@pytest.mark.parametrize("path", ["signup/", "email/", "confirm-email/", "inactive/"])
def test_nobody_makes_an_account_or_adds_an_address_alone(coordinator, path):
    client = Client()
    assert client.get(f"/staff/{path}").status_code == 404
    sign_in("carla", client=client)
    assert client.get(f"/staff/{path}").status_code == 404


def test_the_short_address_leads_to_the_sign_in(db):
    assert Client().get("/staff/")["Location"] == LOGIN


# --- A new password ------------------------------------------------------------------------


def ask(email, address="192.0.2.1"):
    return Client().post(RESET, {"email": email}, REMOTE_ADDR=address)


def sent_link(mailoutbox):
    """Sends the queue and takes the link out of the last mail."""
    from post_office.mail import send_queued

    send_queued()
    return re.search(r"https://testserver(/staff/password/reset/key/\S+)", mailoutbox[-1].body)[1]


def set_password(link, password=NEW):
    client = Client()
    form = client.get(link, follow=True)
    sent = {"password1": password, "password2": password}
    return client.post(form.request["PATH_INFO"], sent)


def test_staff_get_a_link_with_which_they_set_a_password(practice, coordinator, mailoutbox):
    assert ask("carla@example.com")["Location"] == "/staff/password/reset/done/"
    link = sent_link(mailoutbox)
    assert set_password(link)["Location"] == "/staff/password/reset/key/done/"
    assert NO_MATCH in sign_in("carla", PASSWORD).content.decode()
    assert is_in(sign_in("carla", NEW))


def test_the_link_works_once(practice, coordinator, mailoutbox):
    ask("carla@example.com")
    link = sent_link(mailoutbox)
    set_password(link)
    assert "does not work any more" in Client().get(link, follow=True).content.decode()


@pytest.mark.parametrize(("minutes", "works"), [(59, True), (61, False)])
def test_the_link_works_for_an_hour(practice, coordinator, mailoutbox, minutes, works):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        ask("carla@example.com")
        link = sent_link(mailoutbox)
        clock.shift(timedelta(minutes=minutes))
        page = Client().get(link, follow=True).content.decode()
    assert ("does not work any more" not in page) == works


def test_the_answer_is_the_same_for_everybody_and_strangers_get_no_mail(
    practice, coordinator, colleague, django_user_model
):
    colleague.is_active = False
    colleague.save()
    django_user_model.objects.create_user("plain", "plain@example.com", PASSWORD)
    answers = [
        ask(f"{name}@example.com", f"192.0.2.{number}")
        for number, name in enumerate(("carla", "colin", "plain", "stranger"))
    ]
    assert {(each.status_code, each["Location"], each.content) for each in answers} == {
        (302, "/staff/password/reset/done/", b"")
    }
    assert [email.to for email in Email.objects.all()] == [["carla@example.com"]]


@pytest.mark.once
def test_the_answer_takes_about_as_long_for_a_stranger(practice, coordinator):
    taken = {"carla@example.com": [], "stranger@example.com": []}
    for number in range(30):
        for email, seconds in taken.items():
            cache.clear()
            before = time.perf_counter()
            ask(email, f"192.0.2.{number}")
            seconds.append(time.perf_counter() - before)
    known, unknown = (median(seconds) for seconds in taken.values())
    assert 0.7 < unknown / known < 1.4, (known, unknown)


def test_an_address_that_the_account_had_before_gets_nothing(practice, coordinator):
    EmailAddress.objects.create(user=coordinator, email="old@example.com", primary=True)
    ask("old@example.com")
    assert not Email.objects.exists()


def test_nobody_s_mailbox_is_filled_from_here(practice, coordinator):
    answers = [ask("carla@example.com", f"192.0.2.{number}").status_code for number in range(5)]
    assert answers == [302, 302, 302, 429, 429]
    assert Email.objects.count() == 3
    unknown = [ask("stranger@example.com", f"192.0.3.{number}").status_code for number in range(5)]
    assert unknown == answers


def test_the_new_password_ends_the_lock(practice, coordinator, mailoutbox):
    for name in ("carla", "carla@example.com"):
        for _ in range(6):
            sign_in(name, "wrong", address="198.51.100.9")
    ask("carla@example.com")
    set_password(sent_link(mailoutbox))
    assert is_in(sign_in("carla", NEW))


def test_the_new_password_does_not_pass_the_second_factor(
    practice, coordinator, signed_in, mailoutbox
):
    signed_in(coordinator)
    ask("carla@example.com")
    set_password(sent_link(mailoutbox))
    client = Client()
    assert sign_in("carla", NEW, client=client)["Location"] == "/staff/2fa/authenticate/"
    assert client.get("/admin/").status_code == 302


def test_setting_it_signs_nobody_in_and_everybody_out(practice, coordinator, signed_in, mailoutbox):
    elsewhere = signed_in(coordinator)
    ask("carla@example.com")
    client = Client()
    form = client.get(sent_link(mailoutbox), follow=True)
    client.post(form.request["PATH_INFO"], {"password1": NEW, "password2": NEW})
    assert client.get("/admin/").status_code == 302
    assert elsewhere.get("/admin/").status_code == 302


# --- The mails -----------------------------------------------------------------------------


def test_the_queue_opens_nobody_s_account(practice, coordinator, mailoutbox):
    ask("carla@example.com")
    stored = str(list(Email.objects.values()))
    assert "sealed-link-" in stored
    assert "/key/" not in stored
    link = sent_link(mailoutbox)
    assert link not in str(list(Email.objects.values()))
    assert set_password(link).status_code == 302


def test_a_link_whose_key_is_gone_leads_to_asking_again(
    practice, coordinator, mailoutbox, settings
):
    from cryptography.fernet import Fernet
    from post_office.mail import send_queued

    ask("carla@example.com")
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    send_queued()
    assert "https://testserver/staff/password/reset/\n" in mailoutbox[-1].body


def test_what_a_stranger_sends_is_never_a_template(practice, coordinator, mailoutbox):
    from post_office.mail import send_queued

    coordinator.username = "{{ 6|add:1 }}"
    coordinator.save()
    Client().post(RESET, {"email": "carla@example.com"}, HTTP_USER_AGENT="{% now 'Y' %}")
    send_queued()
    assert "{{ 6|add:1 }}" in mailoutbox[-1].body


def test_links_lead_to_the_site_whatever_host_was_asked(
    practice, coordinator, mailoutbox, settings
):
    settings.ALLOWED_HOSTS = ["testserver", "other.example"]
    Client().post(RESET, {"email": "carla@example.com"}, HTTP_HOST="other.example")
    assert sent_link(mailoutbox)
    assert "other.example" not in mailoutbox[-1].body


def test_word_of_a_new_password_goes_to_its_owner(practice, coordinator, signed_in):
    client = signed_in(coordinator)
    sent = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    client.post("/staff/password/change/", sent, HTTP_USER_AGENT="Example {{ browser }}")
    email = Email.objects.get()
    assert email.to == ["carla@example.com"]
    assert email.subject == "Your password was changed – Example Surgery"
    assert "Example {{ browser }}" in email.message
    assert NEW not in email.message
    assert "https://testserver/staff/password/reset/" in email.message


def test_a_manager_who_sets_a_password_tells_its_owner(
    practice, coordinator, signed_in, django_user_model
):
    owner = django_user_model.objects.create_superuser("owner", "owner@example.com", PASSWORD)
    sent = {"password1": NEW, "password2": NEW, "usable_password": "true", "set-password": "1"}
    page = f"/admin/practice/user/{coordinator.pk}/password/"
    assert signed_in(owner).post(page, sent).status_code == 302
    assert Email.objects.get().to == ["carla@example.com"]
    assert is_in(sign_in("carla", NEW))


def test_a_changed_address_is_told_to_the_old_one(
    practice, coordinator, signed_in, django_user_model
):
    owner = django_user_model.objects.create_superuser("owner", "owner@example.com", PASSWORD)
    sent = {"username": "carla", "email": "new@example.com", "is_active": "on", "is_staff": "on"}
    sent |= {"date_joined_0": "2026-01-01", "date_joined_1": "00:00"}
    signed_in(owner).post(f"/admin/practice/user/{coordinator.pk}/change/", sent)
    coordinator.refresh_from_db()
    assert coordinator.email == "new@example.com"
    email = Email.objects.get()
    assert email.to == ["carla@example.com"]
    assert "by owner" in email.message


def test_the_admin_s_own_password_page_leads_to_the_one_that_is_watched(coordinator, signed_in):
    answer = signed_in(coordinator).get("/admin/password_change/")
    assert answer["Location"] == "/staff/password/change/"


# --- In the log ------------------------------------------------------------------------------


def test_the_log_says_who_came_and_that_somebody_failed_and_no_name(coordinator, caplog):
    caplog.set_level("INFO", logger="practice.sign_in")
    client = Client()
    client.post("/staff/login/", {"login": "carla", "password": "guessed wrongly"})
    client.force_login(coordinator)
    client.post("/staff/logout/")

    assert [record.getMessage() for record in caplog.records if "sign_in" in record.name] == [
        "A sign-in failed: name or password was wrong.",
        f"Account {coordinator.pk} signed in.",
        f"Account {coordinator.pk} signed out.",
    ]
    assert "carla" not in caplog.text.lower()

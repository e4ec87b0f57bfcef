"""One address is one recipient: in every form that takes one, and at the last step of the queue."""

import pytest
from django.core.exceptions import ValidationError
from post_office import mail
from post_office.fields import CommaSeparatedEmailField
from post_office.models import STATUS, Email

from consultations import notifications
from practice.mail_addresses import AddressField
from practice.models import Practice
from practice.operations import mail_queue

pytestmark = pytest.mark.django_db

SEVERAL = '"a,stranger@elsewhere.example.com,b"@example.com'
REFUSED = [
    SEVERAL,
    '"<stranger@elsewhere.example.com>"@example.com',
    '"ada lovelace"@example.com',
    '"ada"@example.com',
    "ada@example.com,stranger@example.com",
    "Ada <ada@example.com>",
    "ada",
]
TAKEN = [
    "ada@example.com",
    "ada.o'hara+clinic@sub.example.co.uk",
    "{ada|=?}!#$%&*/^_`~-@example.com",
    "ada@bücher.example",
    "ada@[192.0.2.1]",
    " ada@example.com ",
]


@pytest.mark.parametrize("address", REFUSED)
def test_what_the_queue_cannot_hold_is_refused_in_words_and_once(address):
    with pytest.raises(ValidationError) as refused:
        AddressField().clean(address)

    assert refused.value.messages == ["Enter an email address like name@example.com."]


@pytest.mark.parametrize("address", TAKEN)
def test_any_other_address_is_taken_and_is_one_recipient(address):
    queue = CommaSeparatedEmailField()

    taken = AddressField().clean(address)

    assert taken == address.strip()
    assert queue.to_python(queue.get_prep_value([taken])) == [taken]


@pytest.fixture
def owner(django_user_model):
    return django_user_model.objects.create_superuser("olivia", "olivia@example.com")


@pytest.mark.parametrize("field", ["email", "new_request_email"])
def test_the_practice_has_no_such_address(signed_in, owner, practice, field):
    path = "/admin/practice/practice/1/change/"
    client = signed_in(owner)
    form = client.get(path).context["adminform"].form

    typed = {name: form[name].value() or "" for name in form.fields} | {field: SEVERAL}
    response = client.post(path, typed)

    assert response.context["adminform"].form.errors == {
        field: ["Enter an email address like name@example.com."]
    }
    assert getattr(Practice.current(), field) == getattr(practice, field)


def test_nobody_on_the_staff_has_such_an_address(signed_in, owner, coordinator):
    path = f"/admin/practice/user/{coordinator.pk}/change/"

    response = signed_in(owner).post(path, {"username": coordinator.username, "email": SEVERAL})

    errors = response.context["adminform"].form.errors
    assert errors["email"] == ["Enter an email address like name@example.com."]


def test_a_mail_to_such_an_address_from_before_goes_to_nobody(practice, a_request, mailoutbox):
    notifications.tell_patient_new_link(a_request(email=SEVERAL), practice)

    assert mail_queue.send_one() is False

    queued = Email.objects.get()
    assert mailoutbox == []
    assert queued.status in (STATUS.requeued, STATUS.failed)
    assert "stranger" not in queued.logs.get().message


def test_it_keeps_no_other_mail_waiting(practice, a_request, mailoutbox):
    notifications.tell_patient_new_link(a_request(email=SEVERAL), practice)
    mail.send("ada@example.com", "practice@example.com", subject="A", message="B")

    mail_queue.send_one(), mail_queue.send_one()

    assert [each.to for each in mailoutbox] == [["ada@example.com"]]

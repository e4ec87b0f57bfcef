"""Names and the like are one line, whatever a program sends in their place."""

import pytest
from post_office.models import Email

from consultations.models import ConsultationRequest

pytestmark = pytest.mark.django_db

FORM = "/consultation/"
ONE_LINE = (
    "full_name",
    "preferred_name",
    "guardian_name",
    "guardian_relationship",
    "interpreter_language",
)


@pytest.mark.parametrize("space", ["\r\n\r\n", "\n", "\u2028", "\v", " \t "], ids=ascii)
def test_what_is_asked_for_in_one_line_is_stored_as_one_line(client, practice, answers, space):
    sent = dict.fromkeys(ONE_LINE, f" Ada{space}Patient{space}") | {"is_under_18": "on"}

    client.post(FORM, answers | sent)

    stored = ConsultationRequest.objects.get()
    assert {name: getattr(stored, name) for name in ONE_LINE} == dict.fromkeys(
        ONE_LINE, "Ada Patient"
    )


def test_a_name_writes_no_lines_of_its_own_into_a_mail(client, practice, answers):
    client.post(FORM, answers | {"preferred_name": "Ada!\r\n\r\nClaim it at example.org"})

    assert not [mail for mail in Email.objects.all() if "\nClaim it" in mail.message]

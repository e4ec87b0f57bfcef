"""Two editors have one page open: whoever saves second is told, and loses nothing."""

import pytest
from django.urls import reverse

from practice.editing import revisions
from tests.test_versions import as_sent

pytestmark = pytest.mark.django_db


@pytest.fixture
def address(procedure):
    return reverse("admin:procedures_procedure_change", args=[procedure.pk])


@pytest.fixture
def colleague(signed_in, editor):
    return signed_in(editor)


@pytest.fixture
def editing(signed_in, editor):
    return signed_in(editor)


def refused(response):
    assert response.status_code == 200
    return response.context["adminform"].form.non_field_errors()


def test_the_second_to_save_is_told_keeps_the_text_and_may_decide(
    editing, colleague, address, procedure, editor
):
    opened = as_sent(editing, address)
    colleague.post(address, as_sent(colleague, address) | {"risks": "By a colleague."})

    response = editing.post(address, opened | {"benefits": "Typed second."})

    (words,) = refused(response)
    assert "changed after you had opened it" in words
    assert str(editor) in words or editor.get_full_name() in words
    assert response.context["adminform"].form["benefits"].value() == "Typed second."
    procedure.refresh_from_db()
    assert procedure.risks == "By a colleague."

    again = opened | {"benefits": "Typed second.", "seen": response.context["seen"]}
    assert editing.post(address, again).status_code == 302
    procedure.refresh_from_db()
    assert procedure.benefits == "Typed second."


@pytest.mark.parametrize("act", ["withdraw", "unschedule"])
def test_a_form_that_was_open_before_a_page_was_taken_down_does_not_publish_it_again(
    editing, address, procedure, act
):
    opened = as_sent(editing, address)
    getattr(procedure, act)()

    response = editing.post(address, opened)

    assert f"Its state is “{procedure.get_status_display()}” now." in refused(response)[0]
    was = procedure.status
    procedure.refresh_from_db()
    assert procedure.status == was


def test_a_draft_that_a_colleague_kept_meanwhile_is_not_replaced(
    editing, colleague, address, procedure
):
    opened = as_sent(editing, address)
    theirs = as_sent(colleague, address) | {"risks": "In their draft.", "_save_draft": "1"}
    assert colleague.post(address, theirs).status_code == 302

    response = editing.post(address, opened | {"risks": "In mine.", "_save_draft": "1"})

    assert refused(response)
    assert revisions.draft_of(procedure).content[0]["fields"]["risks"] == "In their draft."


def test_who_is_alone_is_never_asked(editing, address, procedure):
    for text in ("First.", "Second."):
        response = editing.post(address, as_sent(editing, address) | {"risks": text})
        assert response.status_code == 302
    procedure.refresh_from_db()
    assert procedure.risks == "Second."


def test_a_form_that_does_not_say_what_it_showed_is_not_compared(editing, address, procedure):
    opened = as_sent(editing, address)
    procedure.withdraw()
    del opened["seen"]

    assert editing.post(address, opened).status_code == 302

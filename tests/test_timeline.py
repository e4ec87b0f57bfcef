"""The timeline is written once."""

import ast
from pathlib import Path

import pytest
from django.conf import settings as site

from consultations import timeline
from consultations.models import Event


@pytest.mark.django_db
def test_an_event_cannot_be_saved_again(a_request):
    event = a_request().events.get()
    event.summary = "Something else"

    with pytest.raises(TypeError, match="never changed"):
        event.save()

    assert Event.objects.get().summary == ""


def product_code():
    for app in ("consultations", "procedures", "practice"):
        for path in sorted((Path(site.BASE_DIR) / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(site.BASE_DIR), ast.parse(path.read_text("utf-8"))


CHANGING = {"update", "delete", "bulk_update", "update_or_create", "_raw_delete"}


def test_no_code_changes_or_deletes_lines_of_the_timeline():
    """Erasing alone may: it takes the erased request's reference out of others' lines."""
    found = [
        f"{path}: {ast.unparse(node)}"
        for path, tree in product_code()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in CHANGING
        and ("Event." in ast.unparse(node.value) or ".events" in ast.unparse(node.value))
    ]

    assert found == ["consultations/privacy.py: Event.objects.filter(pk=event.pk).update"]


@pytest.mark.django_db
def test_a_line_names_its_author_even_when_the_account_is_gone(a_request, coordinator):
    request = a_request()
    timeline.record(request, Event.Kind.NOTED, coordinator, note="Called.")

    coordinator.delete()

    line = request.events.get(kind=Event.Kind.NOTED)
    assert (line.by, line.by_name) == (None, "Carla Coordinator")

"""Whatever a page shows: once it is changed, the very next request on any server shows it."""

from datetime import time as clock_time
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.db import connection, models, transaction
from django.utils import timezone

from practice.caching.content_version import ContentVersion, content_models, content_version
from practice.models import Closure, Location, OldAddress, OpeningHours, Practice, Surgeon
from procedures.models import (
    BeforeAfterCase,
    Category,
    DiagramPart,
    Faq,
    Performance,
    Procedure,
    RecoveryMilestone,
    Source,
)
from tests import picture_files
from tests.conftest import DRAWING
from tests.full_practice import PROCEDURE, shown

pytest_plugins = ["tests.full_practice"]
pytestmark = pytest.mark.django_db(transaction=True)

# Fields that no public page shows. A field that is in neither place makes the test fail.
PUBLICATION = {"id", "first_published_at", "content_version", "publish_at"}
UNSEEN = {
    Practice: {"id", "email", "time_zone", "retention_months", "new_request_email", "changed_at"},
    Location: PUBLICATION
    | {"reviewed_by", "last_reviewed", "unreviewed_note", "review_due", "is_main"},
    OpeningHours: {"id", "location"},
    Closure: {"id"},
    Surgeon: PUBLICATION
    | {"user", "reviewed_by", "last_reviewed", "unreviewed_note", "review_due"},
    OldAddress: {"id", "path", "leads_to"},  # Redirects are not kept.
    Category: {"id", "slug"},
    # The note stands only where there is no reviewer: a test of its own below.
    Procedure: PUBLICATION | {"photo_views", "unreviewed_note"},
    Performance: {"id"},
    Faq: {"id"},
    RecoveryMilestone: {"id"},
    Source: {"id"},
    DiagramPart: {"id"},
    BeforeAfterCase: {"id", "surgeon", "consent_reference"},
}


# The row of each model that the test changes, and values that cannot be derived from the old.
ROWS = {
    Practice: lambda: Practice.objects.get(),
    Location: lambda: Location.objects.get(slug="main-office"),
    OpeningHours: lambda: OpeningHours.objects.order_by("pk")[2],
    Closure: lambda: Closure.objects.get(reason="Holiday"),
    Surgeon: lambda: Surgeon.objects.get(slug="robin-example"),
    OldAddress: lambda: OldAddress.objects.create(path="/a/", leads_to="/b/"),
    Category: lambda: Category.objects.get(slug="nose"),
    Procedure: lambda: Procedure.objects.get(slug="rhinoplasty"),
    Performance: lambda: Performance.objects.get(
        surgeon__slug="robin-example", procedure__slug="rhinoplasty"
    ),
    Faq: lambda: Faq.objects.get(position=0),
    RecoveryMilestone: lambda: RecoveryMilestone.objects.get(position=0),
    Source: lambda: Source.objects.get(position=0),
    DiagramPart: lambda: DiagramPart.objects.get(position=0),
    BeforeAfterCase: lambda: BeforeAfterCase.objects.get(position=0),
}
OTHER = {
    "phone": lambda: "+15125550177",
    "country": lambda: "CA",
    "status": lambda: "withdrawn",
    "position": lambda: 7,
    "kind": lambda: "moved",
    "also_known_as": lambda: "nasal surgery\nnose job",
    "slug": lambda: "another-address",
    "first_day": lambda: timezone.localdate() + timedelta(days=9),
    "last_day": lambda: timezone.localdate() + timedelta(days=12),
    "consent_signed_on": lambda: timezone.localdate() + timedelta(days=3),
    "consent_expires_on": lambda: timezone.localdate(),
    "consent_revoked_on": lambda: timezone.localdate(),
    "procedure": lambda: Procedure.objects.get(slug="browlift"),
    "surgeon": lambda: Surgeon.objects.get(slug="vic"),
    "category": lambda: Category.objects.get(slug="face"),
    "location": lambda: Location.objects.get(slug="branch"),
    "diagram": lambda: ContentFile(DRAWING.replace("36", "35").encode(), "other.svg"),
    "picture": lambda: ContentFile(picture_files.plain((50, 50), "#123"), "other.jpg"),
    "content_changed_at": lambda: timezone.now() - timedelta(days=400),
}


def other_value(field, value):
    if field.name in OTHER:
        return OTHER[field.name]()
    if isinstance(field, models.ImageField):
        return OTHER["picture"]()
    if isinstance(field, models.BooleanField):
        return not value
    if isinstance(field, models.DateField):
        return value + timedelta(days=1)
    if isinstance(field, models.TimeField):
        return value.replace(minute=value.minute + 5)
    if field.name == "weekday":
        return 6
    if isinstance(field, models.IntegerField):
        return value + 60
    return f"{value or ''}q" if "http" not in str(value) else f"{value}q"


def a_field_of(model):
    """One that is shown and may hold whatever its type allows."""
    fields = [f for f in model._meta.concrete_fields if f.name not in UNSEEN[model]]
    texts = [f for f in fields if isinstance(f, (models.CharField, models.TextField))]
    texts = [f for f in texts if f.name not in OTHER and not isinstance(f, models.SlugField)]
    others = [f for f in fields if isinstance(f, (models.TimeField, models.BooleanField))]
    return (texts or others)[0]


def by_update(model, row, field, value):
    model.objects.filter(pk=row.pk).update(**{field.name: value})


def by_bulk_update(model, row, field, value):
    setattr(row, field.name, value)
    model.objects.bulk_update([row], [field.name])


def by_hand(model, row, field, value):
    key = row.pk.hex if connection.vendor == "sqlite" and hasattr(row.pk, "hex") else row.pk
    with connection.cursor() as cursor:
        cursor.execute(
            f'update {model._meta.db_table} set "{field.column}" = %s where id = %s',  # noqa: S608
            [
                str(value) if isinstance(value, clock_time) else value,
                str(key) if hasattr(key, "hex") else key,
            ],
        )


def by_deleting(model, row, field, value):
    model.objects.filter(pk=row.pk).delete()


def by_copying(model, row, field, value):
    """`bulk_create`, which sends no signal: the row goes and comes back."""
    model.objects.filter(pk=row.pk).delete()
    setattr(row, field.name, value)
    model.objects.bulk_create([row])


IN_PLACE = [by_update, by_bulk_update, by_hand]
# Rows that others need stay where they are.
WAYS = {model: [*IN_PLACE, by_copying, by_deleting] for model in ROWS} | {
    Category: IN_PLACE,
    Location: [*IN_PLACE, by_deleting],
    Procedure: [*IN_PLACE, by_deleting],
    Surgeon: [*IN_PLACE, by_deleting],
}


def test_every_model_that_may_be_shown_is_tried_here():
    assert set(content_models()) == set(ROWS) == set(UNSEEN), (
        "A new model: add a row and its unseen fields, or name it in NEVER_SHOWN."
    )


@pytest.mark.parametrize("model", ROWS, ids=lambda model: model.__name__)
def test_a_change_of_any_field_is_seen_by_the_next_request(content, elsewhere, model):
    forgotten = []
    before = shown(elsewhere)
    for field in model._meta.concrete_fields:
        if field.name in UNSEEN[model]:
            continue
        row = ROWS[model]()
        was = getattr(row, field.name)
        setattr(row, field.name, other_value(field, was))
        row.save()
        after = shown(elsewhere)
        if after == before:
            forgotten.append(field.name)
        if field.name in OTHER or isinstance(field, models.BooleanField):
            model.objects.filter(pk=row.pk).update(**{field.name: was})  # Or it hides the rest.
            after = shown(elsewhere)
        before = after

    assert forgotten == []


@pytest.mark.parametrize(
    "model", [m for m in ROWS if m is not OldAddress], ids=lambda m: m.__name__
)
def test_it_does_not_matter_how_a_change_was_written(content, elsewhere, model):
    row, field, forgotten = ROWS[model](), a_field_of(model), []
    before = shown(elsewhere)
    for way in WAYS[model]:
        way(model, row, field, other_value(field, getattr(row, field.name)))
        after = shown(elsewhere)
        if after == before:
            forgotten.append(way.__name__)
        before = after
        row = model.objects.filter(pk=row.pk).first() or row

    assert forgotten == []


def test_which_rows_belong_together_is_part_of_the_content(content, elsewhere):
    surgeon, procedure = Surgeon.objects.get(slug="uma"), Procedure.objects.get(slug="rhinoplasty")
    branch, browlift = Location.objects.get(slug="branch"), Procedure.objects.get(slug="browlift")
    changes = [
        lambda: surgeon.locations.clear(),
        lambda: surgeon.locations.add(Location.objects.get(slug="main-office")),
        lambda: branch.surgeons.set([ROWS[Surgeon]()]),
        lambda: procedure.related.add(browlift),
        lambda: procedure.related.clear(),
        lambda: procedure.surgeons.clear(),
    ]
    before = shown(elsewhere)
    for change in changes:
        change()
        after = shown(elsewhere)
        assert after != before
        before = after


def test_a_page_without_a_reviewer_says_so_in_the_new_words_at_once(content, elsewhere):
    Procedure.objects.filter(slug="rhinoplasty").update(reviewed_by="", last_reviewed=None)
    assert "Not medically reviewed" in elsewhere(PROCEDURE).text

    Procedure.objects.filter(slug="rhinoplasty").update(unreviewed_note="Being reviewed")

    assert "Being reviewed" in elsewhere(PROCEDURE).text


def test_what_is_rolled_back_changes_nothing_and_is_never_seen(content, elsewhere):
    before = shown(elsewhere)
    with transaction.atomic():
        Procedure.objects.filter(slug="rhinoplasty").update(summary="Not yet.")
        assert shown(elsewhere) == before
        transaction.set_rollback(True)

    assert shown(elsewhere) == before


def test_a_number_of_the_content_is_never_used_twice(content):
    """Or a page kept since before a backup was restored would be taken for today's."""
    ContentVersion.objects.update(number=5)

    ROWS[Faq]().save()

    assert content_version() > 1_000_000
    ContentVersion.objects.update(number=9 * 10**15)  # A server whose clock is far ahead.
    ROWS[Faq]().save()
    assert content_version() == 9 * 10**15 + 1


def test_a_change_and_its_number_are_written_together_or_not_at_all(procedure, monkeypatch):
    """A process may be killed between any two statements."""

    def killed(using="default"):
        raise SystemExit

    before = content_version()
    procedure.status = "withdrawn"
    with monkeypatch.context() as here:
        here.setattr("practice.caching.content_version.raise_version", killed)
        with pytest.raises(SystemExit):
            procedure.save()  # Outside of a transaction.
    assert Procedure.objects.get(pk=procedure.pk).status == "published"
    assert content_version() == before

    procedure.save()

    assert Procedure.objects.get(pk=procedure.pk).status == "withdrawn"
    assert content_version() > before

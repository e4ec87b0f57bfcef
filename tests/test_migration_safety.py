"""Upgrades migrate first and restart later: no step may break the version that still serves."""

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import DatabaseError, connection, migrations, models, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState

from practice.operations.migration_operations import AddIndexWhileServing
from practice.operations.migration_safety import OURS, findings, unsafe

INDEX = models.Index(fields=["name"], name="by_name")
UNIQUE = models.UniqueConstraint(fields=["name"], name="one_name")


def doing(*operations, app_label="consultations", **attributes):
    """What is found in a migration of these operations on a table that exists already."""
    state = ProjectState()
    fields = [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=50)),
        ("note", models.TextField(null=True)),
        ("count", models.IntegerField(db_default=0)),
    ]
    state.add_model(ModelState(app_label, "Row", fields))
    kind = type("Migration", (migrations.Migration,), {"operations": operations, **attributes})
    return list(unsafe(kind("0099_made_up", app_label), state))


def add(field):
    return migrations.AddField("row", "new", field)


def alter(name, field):
    return migrations.AlterField("row", name, field)


SAFE = {
    "a nullable column": [add(models.TextField(null=True))],
    "a column with a value in the database": [add(models.TextField(db_default=""))],
    "a link to many": [add(models.ManyToManyField("self"))],
    "a new table": [migrations.CreateModel("New", [("id", models.BigAutoField(primary_key=True))])],
    "anything on a new table": [
        migrations.CreateModel("New", [("id", models.BigAutoField(primary_key=True))]),
        migrations.AddField("new", "name", models.CharField(max_length=50)),
        migrations.AddConstraint("new", UNIQUE),
        migrations.AddIndex("new", INDEX.clone()),
    ],
    "an index beside the running site": [AddIndexWhileServing("row", INDEX.clone())],
    "an index by Django's own operation": [AddIndexConcurrently("row", INDEX.clone())],
    "a longer text": [alter("name", models.CharField(max_length=80))],
    "a column that may be empty now": [alter("name", models.CharField(max_length=50, null=True))],
    "other words for people": [alter("name", models.CharField("given name", max_length=50))],
    "other options": [migrations.AlterModelOptions("row", {"ordering": ["name"]})],
    "data alone": [migrations.RunPython(migrations.RunPython.noop)],
}
UNSAFE = {
    "a column that old rows lack": ([add(models.TextField())], "db_default"),
    "a column with a default in Python only": ([add(models.TextField(default=""))], "db_default"),
    "a unique column": ([add(models.TextField(null=True, unique=True))], "refuse"),
    "a column removed": ([migrations.RemoveField("row", "name")], "takes away"),
    "a column renamed": ([migrations.RenameField("row", "name", "title")], "takes away"),
    "a table removed": ([migrations.DeleteModel("Row")], "takes away"),
    "a table renamed": ([migrations.RenameModel("Row", "Line")], "takes away"),
    "a table's name in the database": ([migrations.AlterModelTable("row", "lines")], "takes away"),
    "no longer empty": ([alter("note", models.TextField(default=""))], "refuse"),
    "another type": ([alter("name", models.IntegerField())], "takes away"),
    "a shorter text": ([alter("name", models.CharField(max_length=20))], "refuse"),
    "a limit where there was none": ([alter("note", models.TextField(max_length=9))], "refuse"),
    "unique from now on": ([alter("name", models.CharField(max_length=50, unique=True))], "refuse"),
    "no value in the database": ([alter("count", models.IntegerField())], "takes away"),
    "a rule for rows": ([migrations.AddConstraint("row", UNIQUE)], "refuse"),
    "unique together": ([migrations.AlterUniqueTogether("row", {("name",)})], "refuse"),
    "an index under a lock": ([migrations.AddIndex("row", INDEX.clone())], "AddIndexWhileServing"),
    "tables and data at once": (
        [add(models.TextField(null=True)), migrations.RunPython(migrations.RunPython.noop)],
        "one intent",
    ),
    "tables and SQL at once": (
        [add(models.TextField(null=True)), migrations.RunSQL("SELECT 1")],
        "one intent",
    ),
    "something hidden in a pair": (
        [migrations.SeparateDatabaseAndState([migrations.RemoveField("row", "name")], [])],
        "takes away",
    ),
}


@pytest.mark.parametrize("operations", SAFE.values(), ids=SAFE)
def test_what_the_old_version_survives(operations):
    assert doing(*operations) == []


@pytest.mark.parametrize(("operations", "words"), UNSAFE.values(), ids=UNSAFE)
def test_what_the_old_version_does_not_survive(operations, words):
    (found,) = doing(*operations)
    assert words in found


def test_a_table_that_stays_small_may_be_locked_for_a_moment():
    assert doing(migrations.AddIndex("row", INDEX.clone()), app_label="procedures") == []


def test_a_migration_may_take_away_what_it_says_nothing_needs_any_more():
    remove = migrations.RemoveField("row", "name")
    assert doing(remove, contracts="1.4 is the last version that reads it") == []
    assert len(doing(remove, contracts="")) == 1


def test_no_excuse_makes_two_migrations_one():
    both = [add(models.TextField(null=True)), migrations.RunSQL("SELECT 1")]
    assert len(doing(*both, contracts="1.4")) == 1


def test_every_migration_of_ours_is_safe():
    assert list(findings()) == []


# --- The old version's own statements, on the newest tables ----------------------------------


def steps():
    """Every migration of ours that a version of ours came before."""
    graph = MigrationLoader(None).graph
    return sorted(key for key in graph.nodes if key[0] in OURS and not key[1].startswith("0001"))


def tables_before(step):
    """The models of ours as the version before `step` has them."""
    loader = MigrationLoader(None)
    others = [leaf for leaf in loader.graph.leaf_nodes() if leaf[0] not in OURS]
    state = loader.project_state([*loader.graph.nodes[step].dependencies, *others])
    return [model for model in state.apps.get_models() if model._meta.app_label in OURS]


def test_there_are_versions_to_try():
    assert len(steps()) > 1


@pytest.mark.django_db
@pytest.mark.parametrize("step", steps(), ids=".".join)
def test_the_version_before_reads_and_writes_the_newest_tables(step):
    with connection.constraint_checks_disabled():
        for model in tables_before(step):
            row = model(**values_of(model))
            try:
                with transaction.atomic():
                    row.save(force_insert=True)
                    assert model.objects.filter(pk=row.pk).count() == 1
                    list(model.objects.filter(pk=row.pk))
                    row.save(force_update=True)
                    raise Undo
            except Undo:
                pass


class Undo(Exception):
    pass


# What rules of the tables demand.
FITTING = {"closes": "18:00", "last_day": "2025-06-02"}


def values_of(model):
    """Something for every column that has to have a value."""
    needed = [
        field
        for field in model._meta.concrete_fields
        if not (field.null or field.has_default() or isinstance(field, models.AutoField))
    ]
    values = {each.attname: FITTING.get(each.name) or value_for(each) for each in needed}
    return values | ({"pk": 1} if model.__name__ == "Practice" else {})  # There is only one.


def value_for(field):
    if field.is_relation:
        return 1
    if field.blank and field.empty_strings_allowed:
        return ""
    if field.choices:
        return field.choices[0][0]
    if isinstance(field, models.BooleanField):
        return False
    if isinstance(field, models.DateTimeField):
        return "2025-06-01T12:00:00Z"
    if isinstance(field, models.DateField):
        return "2025-06-01"
    if isinstance(field, models.TimeField):
        return "12:00"
    if isinstance(field, models.UUIDField):
        return "00000000-0000-4000-8000-000000000000"
    if isinstance(field, models.JSONField):
        return {}
    if isinstance(field, models.GenericIPAddressField):
        return "203.0.113.7"
    if isinstance(field, models.IntegerField | models.FloatField | models.DecimalField):
        return 1
    return "x"


@pytest.mark.django_db(transaction=True)
def test_a_column_that_old_rows_lack_would_be_noticed():
    (model,) = (each for each in tables_before(steps()[0]) if each.__name__ == "Category")
    table = connection.ops.quote_name(model._meta.db_table)
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} ADD COLUMN surprise integer NOT NULL DEFAULT 0")
            if connection.vendor == "postgresql":
                cursor.execute(f"ALTER TABLE {table} ALTER COLUMN surprise DROP DEFAULT")
                with pytest.raises(DatabaseError):
                    model(**values_of(model)).save(force_insert=True)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} DROP COLUMN surprise")

"""Whether a migration can run while the version before it still serves.

An upgrade migrates first and then replaces the processes one by one, so for some minutes the
old code works on the new tables. A step that the old code does not survive is found here,
unless its migration says since which version nothing needs what it takes away:

    class Migration(migrations.Migration):
        contracts = "1.4 is the last version that reads this column"

CONTRIBUTING.md has the rule in words. `manage.py check --deploy` runs this.
"""

from django.core.checks import Warning as Finding
from django.core.checks import register
from django.db import migrations as m
from django.db.migrations.loader import MigrationLoader
from django.db.models import NOT_PROVIDED

OURS = ("practice", "procedures", "consultations")
# Tables of these grow with every request: an index is built beside the running site.
GROWING = ("consultations",)
GONE = (
    "{} takes away what the old version reads or writes. Stop using it in one release, and "
    "remove it in the next."
)
REFUSES = (
    "{} may refuse rows that the old version writes. Let one release write only what it "
    "allows, and add it in the next."
)
MISSING = (
    "{}, and rows that the old version writes have no value for it. Make it nullable, or give "
    "it a db_default."
)
LOCKS = (
    "{} locks a table that grows with every request. Use AddIndexWhileServing of "
    "practice/operations/migration_operations.py, with atomic = False."
)


def watch():
    """Called once when the apps are ready."""
    register(check_migrations, deploy=True)


def check_migrations(**kwargs):
    return [Finding(f"{name}: {words}", id="practice.W001") for name, words in findings()]


def findings():
    """(app.name, what is unsafe in it) for every migration of ours, oldest first."""
    loader = MigrationLoader(None)
    state = loader.project_state([])
    seen = []
    for leaf in sorted(loader.graph.leaf_nodes()):
        for key in loader.graph.forwards_plan(leaf):
            if key in seen:
                continue
            seen.append(key)
            migration = loader.graph.nodes[key]
            if key[0] in OURS:
                for words in unsafe(migration, state):
                    yield ".".join(key), words
            else:
                migration.mutate_state(state, preserve=False)


def unsafe(migration, state):
    """Yields what the version before `migration` would not survive; moves `state` on."""
    operations = list(_flat(migration.operations))
    if _is_mixed(operations):
        yield "changes tables and data at once. Make two migrations of it: one intent each."
    made_here = set()
    for operation in operations:
        if words := _unsafe(operation, migration.app_label, state, made_here):
            if not getattr(migration, "contracts", ""):
                yield words
        if isinstance(operation, m.CreateModel):
            made_here.add(operation.name_lower)
        operation.state_forwards(migration.app_label, state)


def _flat(operations):
    for operation in operations:
        if isinstance(operation, m.SeparateDatabaseAndState):
            yield from _flat(operation.database_operations)
        else:
            yield operation


def _is_mixed(operations):
    moves_data = [isinstance(each, m.RunPython | m.RunSQL) for each in operations]
    return any(moves_data) and not all(moves_data)


def _unsafe(operation, app_label, state, made_here):
    """What is wrong with one operation, in a sentence, or nothing."""
    if getattr(operation, "model_name_lower", None) in made_here:
        return None  # The old version does not know this table.
    what = operation.describe()
    if isinstance(operation, m.DeleteModel | m.RemoveField | m.RenameModel | m.RenameField):
        return GONE.format(what)
    if isinstance(operation, m.AlterModelTable | m.AlterOrderWithRespectTo):
        return GONE.format(what)
    if isinstance(operation, m.AddConstraint | m.AlterUniqueTogether):
        return REFUSES.format(what)
    if isinstance(operation, m.AddIndex) and app_label in GROWING:
        return _locking_index(operation)
    if isinstance(operation, m.AddField):
        return _unsafe_new_column(operation.field, what)
    if isinstance(operation, m.AlterField):
        model = state.models[app_label, operation.model_name_lower]
        return _unsafe_change(model.fields[operation.name], operation.field, what)
    return None


def _locking_index(operation):
    from django.contrib.postgres.operations import AddIndexConcurrently

    if isinstance(operation, AddIndexConcurrently):
        return None
    return LOCKS.format(operation.describe())


def _unsafe_new_column(field, what):
    if field.many_to_many:
        return None
    if not field.null and field.db_default is NOT_PROVIDED:
        return MISSING.format(what)
    if field.unique:
        return REFUSES.format(what)
    return None


def _unsafe_change(before, after, what):
    if before.db_default is not NOT_PROVIDED and after.db_default is NOT_PROVIDED:
        return GONE.format(f"{what} (it loses its db_default)")
    if _column(before) != _column(after):
        return GONE.format(what)
    refuses_null = before.null and not after.null
    if refuses_null or _is_narrower(before, after) or (after.unique and not before.unique):
        return REFUSES.format(what)
    return None


def _column(field):
    """What kind of column it is, apart from its length."""
    return field.get_internal_type(), field.db_column, field.is_relation and field.related_model


def _is_narrower(before, after):
    for name in ("max_length", "max_digits", "decimal_places"):
        was, will_be = getattr(before, name, None), getattr(after, name, None)
        if will_be is not None and (was is None or will_be < was):
            return True
    return False

"""Migration operations that do not stop the site while they run."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db.migrations import AddIndex


class AddIndexWhileServing(AddIndexConcurrently):
    """On PostgreSQL without a lock, so its migration is `atomic = False`; else as AddIndex."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        self._act(schema_editor).database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        self._act(schema_editor).database_backwards(app_label, schema_editor, from_state, to_state)

    def _act(self, schema_editor):
        is_postgresql = schema_editor.connection.vendor == "postgresql"
        kind = AddIndexConcurrently if is_postgresql else AddIndex
        return kind(self.model_name, self.index)

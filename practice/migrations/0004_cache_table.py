"""The table in which all processes count failed sign-ins, unless a Redis does."""

from django.core.management import call_command
from django.db import migrations

TABLE = "practice_cache"


def make_table(apps, schema_editor):
    call_command("createcachetable", TABLE, database=schema_editor.connection.alias, verbosity=0)


def drop_table(apps, schema_editor):
    schema_editor.execute(f"DROP TABLE {TABLE}")


class Migration(migrations.Migration):
    dependencies = [("practice", "0003_staff_sessions")]
    operations = [migrations.RunPython(make_table, drop_table)]

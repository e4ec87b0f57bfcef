"""Managers may have a background job run at once."""

from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations


def grant(apps, schema_editor):
    # Permissions are otherwise made only after the last migration has run.
    create_permissions(
        installed_apps.get_app_config("practice"),
        verbosity=0,
        using=schema_editor.connection.alias,
    )
    permission = apps.get_model("auth", "Permission").objects.get(
        content_type__app_label="practice", codename="change_jobrun"
    )
    for manager in apps.get_model("auth", "Group").objects.filter(name="Manager"):
        manager.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("consultations", "0007_sealed_link"),
        ("practice", "0005_background_jobs"),
    ]
    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]

"""Coordinators, surgeons and managers may enter a request that came by phone or by referral."""

from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations

ROLES = ("Coordinator", "Surgeon", "Manager")


def grant(apps, schema_editor):
    # Permissions are otherwise made only after the last migration has run.
    create_permissions(
        installed_apps.get_app_config("consultations"),
        verbosity=0,
        using=schema_editor.connection.alias,
    )
    permission = apps.get_model("auth", "Permission").objects.get(
        content_type__app_label="consultations", codename="add_consultationrequest"
    )
    for group in apps.get_model("auth", "Group").objects.filter(name__in=ROLES):
        group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [("consultations", "0010_entered_by_staff")]
    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]

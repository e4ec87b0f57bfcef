"""An index that holds all that the dashboard counts. Built while the site serves."""

from django.db import migrations, models

from practice.operations.migration_operations import AddIndexWhileServing


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("consultations", "0005_kept_figures"),
    ]

    operations = [
        AddIndexWhileServing(
            model_name="consultationrequest",
            index=models.Index(
                fields=[
                    *("received_at", "status", "is_test", "procedure", "origin"),
                    *("first_response_at", "response_minutes"),
                ],
                name="counted_by_arrival",
            ),
        ),
    ]

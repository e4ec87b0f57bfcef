"""The dashboard's figures, which the worker counts."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("consultations", "0004_search_words"),
    ]

    operations = [
        migrations.CreateModel(
            name="KeptFigures",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("made_at", models.DateTimeField()),
                ("values", models.JSONField()),
            ],
        ),
    ]

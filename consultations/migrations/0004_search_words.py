"""The words by which requests are found. The worker fills the table: the site need not wait."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("consultations", "0003_managers_remove_second_factors"),
    ]

    operations = [
        migrations.CreateModel(
            name="SearchWord",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("word", models.CharField(max_length=254)),
                ("received_at", models.DateTimeField()),
                (
                    "request",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="consultations.consultationrequest",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["word", "received_at", "request"],
                        name="words_by_arrival",
                        opclasses=["varchar_pattern_ops", "timestamptz_ops", "int8_ops"],
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("request", "word"), name="one_word_once"),
                ],
            },
        ),
    ]

"""What the list of background jobs shows: purpose, last success, failures in a row, next due."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("practice", "0004_cache_table")]
    operations = [
        migrations.AddField("jobrun", "asked_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "jobrun", "due_at", models.DateTimeField(null=True, verbose_name="next due")
        ),
        migrations.AddField(
            "jobrun",
            "failures",
            models.PositiveIntegerField(
                db_default=0, default=0, verbose_name="failures in a row"
            ),
        ),
        migrations.AddField(
            "jobrun",
            "purpose",
            models.CharField(
                blank=True, db_default="", max_length=200, verbose_name="what it is for"
            ),
        ),
        migrations.AddField(
            "jobrun",
            "succeeded_at",
            models.DateTimeField(null=True, verbose_name="last success"),
        ),
        # A job is listed before it has run for the first time.
        migrations.AlterField(
            "jobrun",
            "started_at",
            models.DateTimeField(null=True, verbose_name="last start"),
        ),
    ]

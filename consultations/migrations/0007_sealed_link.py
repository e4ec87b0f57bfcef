"""Room for the tokens of private links whose encryption key is about to be removed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consultations", "0006_counted_by_arrival")]
    operations = [
        migrations.AddField(
            "consultationrequest",
            "sealed_link",
            models.TextField(blank=True, db_default="", default="", editable=False),
        ),
    ]

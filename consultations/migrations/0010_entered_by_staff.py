"""What a request that staff entered says besides: who referred, who heard the consent."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consultations", "0009_only_kinds_in_use")]
    operations = [
        migrations.AddField(
            "consultationrequest",
            "referred_by",
            models.CharField(blank=True, db_default="", default="", max_length=120),
        ),
        migrations.AddField(
            "consent",
            "recorded_by",
            models.CharField(blank=True, db_default="", default="", max_length=150),
        ),
        # The column takes an empty address already: only forms learn of it.
        migrations.AlterField(
            "consultationrequest",
            "email",
            models.EmailField(blank=True, max_length=254),
        ),
    ]

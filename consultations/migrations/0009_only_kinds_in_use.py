"""Forgets two kinds that no version ever wrote; the tables stay as they are."""

from django.db import migrations, models

OF_CONSENT = [
    ("health_data", "Health information"),
    ("voicemail", "Voicemail"),
    ("text", "Text messages"),
]
OF_EVENT = [
    ("received", "Received"),
    ("assigned", "Owner"),
    ("moved", "State"),
    ("noted", "Note"),
    ("contacted", "Contact"),
    ("follow_up", "Follow-up"),
    ("merged", "Merged"),
    ("unmerged", "Merge undone"),
    ("corrected", "Correction"),
    ("mailed", "Mail"),
    ("photo", "Photographs"),
    ("patient", "From the patient"),
    ("link", "Patient's link"),
    ("hold", "Legal hold"),
]


class Migration(migrations.Migration):
    dependencies = [("consultations", "0008_managers_run_jobs")]
    operations = [
        migrations.AlterField(
            "consent", "kind", models.CharField(choices=OF_CONSENT, max_length=12)
        ),
        migrations.AlterField("event", "kind", models.CharField(choices=OF_EVENT, max_length=10)),
    ]

"""Lists are sorted off an index, and not by reading every long row."""

from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    dependencies = [("procedures", "0001_initial")]

    operations = [
        migrations.AddIndex(
            model_name="procedure",
            index=models.Index(
                *("status", "category", "position", Lower("name"), "name", "publish_at", "id"),
                name="listed",
            ),
        ),
    ]

"""The parts of a diagram are named in the words of the text beside it. No table changes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("procedures", "0002_listed")]

    operations = [
        migrations.AlterField(
            model_name="diagrampart",
            name="kind",
            field=models.CharField(
                choices=[
                    ("kept", "Kept"),
                    ("divided", "Cut"),
                    ("moved", "Changed"),
                    ("landmark", "For orientation"),
                ],
                default="landmark",
                max_length=10,
            ),
        ),
    ]

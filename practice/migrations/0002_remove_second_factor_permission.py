"""The permission to take a lost second factor from somebody else's account."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("practice", "0001_initial")]
    operations = [
        migrations.AlterModelOptions(
            name="user",
            options={
                "permissions": [
                    ("remove_second_factor", "Can remove a lost second factor"),
                ],
                "verbose_name": "staff account",
                "verbose_name_plural": "staff accounts",
            },
        ),
    ]

"""Sessions in rows that name their user: whoever deletes one signs that browser out."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('practice', '0002_remove_second_factor_permission'),
    ]

    operations = [
        migrations.CreateModel(
            name='StaffSession',
            fields=[
                ('session_key', models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name='session key')),
                ('session_data', models.TextField(verbose_name='session data')),
                ('expire_date', models.DateTimeField(db_index=True, verbose_name='expire date')),
                ('handle', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('started_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('active_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('address', models.GenericIPAddressField(null=True)),
                ('device', models.CharField(blank=True, max_length=200)),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='sessions', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'signed-in browser',
                'default_permissions': (),
            },
        ),
    ]

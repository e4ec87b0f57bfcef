"""Demo staff accounts, one for each role, on a development machine."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from practice.accounts.demo_staff import DEMO_PASSWORD, DEMO_STAFF
from practice.models import Surgeon, User


class Command(BaseCommand):
    help = "Adds the demo staff accounts that do not exist yet. Refused unless DEBUG is on."

    @transaction.atomic
    def handle(self, **options):
        if not settings.DEBUG:
            raise CommandError(
                "Demo accounts have a public password, so they are only made with DEBUG on. "
                "Use `manage.py createsuperuser` here."
            )
        for username, first_name, last_name, group in DEMO_STAFF:
            user, is_new = User.objects.get_or_create(
                username=username,
                defaults={
                    "first_name": first_name,
                    "last_name": last_name,
                    "email": f"{username}@example.com",
                    "is_staff": True,
                    "is_superuser": group is None,
                },
            )
            if is_new:
                user.set_password(DEMO_PASSWORD)
                user.save()
                if group:
                    user.groups.add(Group.objects.get(name=group))
                if group == "Surgeon":
                    Surgeon.objects.filter(slug="sam-devictor", user=None).update(user=user)

"""The admin site: signing in goes through allauth, so that its throttle and second factor hold."""

from allauth.account.decorators import secure_admin_login
from django.apps import apps
from django.contrib.admin import AdminSite, ModelAdmin
from django.http import Http404
from django.shortcuts import redirect

# The parts of the overview, in this order. Which models each holds, the apps say (`overview`).
PARTS = ("Requests", "Pages", "Staff", "Behind the scenes")


class PracticeAdminSite(AdminSite):
    site_title = site_header = "Practice admin"
    index_title = "Overview"
    empty_value_display = "–"
    enable_nav_sidebar = False

    def register(self, model_or_iterable, admin_class=None, **options):
        from .editing.every_admin import EveryAdmin  # Not before the models are there.

        own = admin_class or ModelAdmin
        shared = type(own.__name__, (EveryAdmin, own), {"__module__": own.__module__})
        super().register(model_or_iterable, shared, **options)

    def get_app_list(self, request, app_label=None):
        """By what the work is, not by which library keeps it."""
        found = {
            model["model"]._meta.label: model
            for app in super().get_app_list(request, app_label)
            for model in app["models"]
        }
        parts = []
        for name in PARTS:
            labels = [label for part, label in _overview() if part == name]
            rows = [found[label] for label in labels if label in found]
            if rows:
                parts.append({"name": name, "models": rows})
        return parts

    def app_index(self, request, app_label, extra_context=None):
        """There is one overview; it knows no apps."""
        if not super().get_app_list(request, app_label):
            raise Http404
        return redirect("admin:index")

    def login(self, request, extra_context=None):
        return secure_admin_login(super().login)(request, extra_context)

    def password_change(self, request, extra_context=None):
        """On allauth's page, which is throttled and mails the account's owner."""
        return redirect("account_change_password")


def _overview():
    for app in reversed(list(apps.get_app_configs())):
        for name, *labels in getattr(app, "overview", ()):
            yield from ((name, label) for label in labels)

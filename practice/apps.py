from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class PracticeConfig(AppConfig):
    name = "practice"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from . import audit, content_version

        audit.register()
        content_version.watch()


class PracticeAdminConfig(AdminConfig):
    default_site = "practice.admin_site.PracticeAdminSite"

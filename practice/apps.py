from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class PracticeConfig(AppConfig):
    name = "practice"
    default_auto_field = "django.db.models.BigAutoField"
    # Models whose rows no backup needs: a restored site begins without them.
    passing_models = (
        "practice.ContentVersion",
        "practice.JobRun",
        "practice.Lease",
        "practice.StaffSession",
        "sessions.Session",
    )
    # Text in which ciphertext stands after these characters (practice/operations/key_rotation.py).
    sealed_text = (
        ("practice.StaffSession", "session_data", ""),
        ("mfa.Authenticator", "data", '"'),
        ("post_office.Email", "message", "sealed-link-"),
        ("post_office.Email", "html_message", "sealed-link-"),
    )

    # Where the admin's overview shows what (practice/admin_site.py).
    overview = (
        ("Pages", "practice.Surgeon", "practice.Location", "practice.Closure", "practice.Practice"),
        ("Staff", "practice.User", "auth.Group", "mfa.Authenticator"),
        ("Behind the scenes", "auditlog.LogEntry", "post_office.Email", "practice.JobRun"),
    )

    def ready(self):
        from . import audit, staff_words
        from .accounts import sessions
        from .caching import content_version
        from .editing import revisions
        from .operations import migration_safety
        from .publishing import Publishable

        staff_words.use()
        audit.register()
        migration_safety.watch()
        content_version.watch()
        revisions.watch(Publishable.__subclasses__())
        sessions.watch(self.get_model("User"))


class PracticeAdminConfig(AdminConfig):
    default_site = "practice.admin_site.PracticeAdminSite"

from django.apps import AppConfig


class ProceduresConfig(AppConfig):
    name = "procedures"
    default_auto_field = "django.db.models.BigAutoField"
    # Folders of patients' pictures: one that no row names stays no longer than it must.
    patients_pictures = ("cases/",)
    overview = (("Pages", "procedures.Procedure", "procedures.Category"),)

    def ready(self):
        from . import audit

        audit.register()

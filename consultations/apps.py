from django.apps import AppConfig


class ConsultationsConfig(AppConfig):
    name = "consultations"
    verbose_name = "Consultation requests"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from . import audit, promises

        audit.register()
        promises.follow_the_opening_hours()

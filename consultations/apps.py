from django.apps import AppConfig


class ConsultationsConfig(AppConfig):
    name = "consultations"
    verbose_name = "Consultation requests"
    default_auto_field = "django.db.models.BigAutoField"
    # Text columns that name a file, with its storage; models whose rows no backup needs.
    file_names = (("consultations.Photo", "stored_as", "private"),)
    passing_models = ("consultations.Presence", "consultations.SubmissionCount")
    # What depends on the encryption keys besides encrypted columns; see
    # practice/operations/key_rotation.py.
    sealed_text = (("consultations.ConsultationRequest", "sealed_link", ""),)
    places = ("consultations.photos.StoredPhotos", "consultations.patient_page.private_link.Links")

    overview = (
        (
            "Requests",
            "consultations.ConsultationRequest",
            "consultations.ReplyTemplate",
            "consultations.ErasureReceipt",
        ),
    )
    # How staff call what an unreadable value belongs to.
    known_as = (
        ("consultations.ConsultationRequest", "reference"),
        ("consultations.Event", "request__reference"),
        ("consultations.Photo", "request__reference"),
    )

    def ready(self):
        from . import audit, promises
        from .staff_work import leavers

        audit.register()
        promises.follow_the_opening_hours()
        leavers.follow_deletions()

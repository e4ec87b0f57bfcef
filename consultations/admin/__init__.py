"""The admin of requests, of the mails they cause, and of the record of who did what."""

from . import audit, letters, mail, request_admin  # noqa: F401 (each registers its models)

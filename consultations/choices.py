"""What a request can be, and what a patient can choose, with the words for each."""

from django.db import models


class Status(models.TextChoices):
    NEW = "new", "New"
    ATTEMPTING = "attempting", "Trying to reach"
    IN_CONTACT = "in_contact", "In contact"
    BOOKED = "booked", "Booked"
    CLOSED = "closed", "Closed"
    QUARANTINED = "quarantined", "Suspected spam"
    SPAM = "spam", "Spam"
    DUPLICATE = "duplicate", "Duplicate"


OPEN = (Status.NEW, Status.ATTEMPTING, Status.IN_CONTACT, Status.BOOKED)
# What the first-response clock runs for.
AWAITING = (Status.NEW, Status.ATTEMPTING)


class CloseReason(models.TextChoices):
    TREATED = "seen", "Consultation took place"
    NOT_A_CANDIDATE = "not_a_candidate", "Not a candidate"
    DECLINED = "declined", "Patient declined"
    NO_REPLY = "no_reply", "No reply"
    REFERRED = "referred", "Referred elsewhere"
    WITHDRAWN = "withdrawn", "Withdrawn by the patient"


class ContactMethod(models.TextChoices):
    PHONE = "phone", "Phone call"
    TEXT = "text", "Text message"
    EMAIL = "email", "Email"


class BestTime(models.TextChoices):
    ANY = "any", "Any time you are open"
    MORNING = "morning", "Mornings"
    AFTERNOON = "afternoon", "Afternoons"


class Origin(models.TextChoices):
    PROCEDURE = "procedure", "Procedure page"
    SURGEON = "surgeon", "Surgeon page"
    WEBSITE = "website", "Elsewhere on the website"
    PHONE = "phone", "Phone call"
    REFERRAL = "referral", "Referral"


# Those that staff enter: nobody filled in a form, and an email address may be missing.
ENTERED_BY_STAFF = (Origin.PHONE, Origin.REFERRAL)

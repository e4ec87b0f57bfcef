"""The exact words patients agree to. A change of words is a new version, never an edit."""

from dataclasses import dataclass

from .models import Consent


@dataclass(frozen=True)
class Wording:
    kind: Consent.Kind
    field: str
    version: str
    text: str


HEALTH_DATA = Wording(
    Consent.Kind.HEALTH_DATA,
    "consent_health_data",
    "2026-11-24",
    "I agree that the practice’s own staff read and store what I write here, which may say "
    "something about my health, in order to answer this request.",
)
VOICEMAIL = Wording(
    Consent.Kind.VOICEMAIL,
    "may_leave_voicemail",
    "2026-11",
    "You may leave a voicemail at this number. Others who use the phone might hear it.",
)
TEXT = Wording(
    Consent.Kind.TEXT,
    "may_text",
    "2026-11",
    "You may send me text messages at this number. They will hold no health details.",
)

# What staff ask by word of mouth. Nobody who was asked so has seen the words of the form.
HEALTH_DATA_SPOKEN = Wording(
    Consent.Kind.HEALTH_DATA,
    "consent_health_data",
    "spoken-2026-11",
    "“May our own staff write down and store what you tell us, which may say something about "
    "your health, in order to answer you?”",
)
VOICEMAIL_SPOKEN = Wording(
    Consent.Kind.VOICEMAIL,
    "may_leave_voicemail",
    "spoken-2026-11",
    "“May we leave a voicemail at this number? Others who use the phone might hear it.”",
)
TEXT_SPOKEN = Wording(
    Consent.Kind.TEXT,
    "may_text",
    "spoken-2026-11",
    "“May we send you text messages at this number? They will hold no health details.”",
)
NOT_ASKED = Wording(
    Consent.Kind.HEALTH_DATA,
    "consent_health_data",
    "not-asked-2026-11",
    "Not asked yet when staff entered this request. Ask when you speak to them.",
)
NOT_ASKED_REFERRED = Wording(
    Consent.Kind.HEALTH_DATA,
    "consent_health_data",
    "referred-2026-11",
    "Not asked yet. What is written here was told by the colleague who referred the patient for "
    "treatment. Ask when you speak to them.",
)

# Those on the form, in its order: what is asked for last stands apart, since it has to be given.
ON_THE_FORM = (VOICEMAIL, TEXT, HEALTH_DATA)
# Those that may be given later or taken back without ending the request.
CHANGEABLE = (VOICEMAIL, TEXT)
SPOKEN = (VOICEMAIL_SPOKEN, TEXT_SPOKEN, HEALTH_DATA_SPOKEN)

"""A member of staff who enters what came by phone: what they post, and when."""

import uuid
from datetime import UTC, datetime

from consultations.models import ConsultationRequest

REQUESTS = "/admin/consultations/consultationrequest/"
ADD = f"{REQUESTS}add/"
NOW = datetime(2026, 11, 16, 16, 0, 20, tzinfo=UTC)  # Monday 10:00:20 in Chicago.


def typed(**changes):
    """What staff post; a value of None is a box left empty."""
    sent = {
        "token": uuid.uuid4().hex,
        "origin": "phone",
        "referred_by": "",
        "received_at": "2026-11-16T09:40",
        "full_name": "Cal Caller",
        "preferred_name": "",
        "phone": "(512) 555-0142",
        "email": "",
        "guardian_name": "",
        "guardian_relationship": "",
        "contact_method": "phone",
        "best_time": "any",
        "interpreter_language": "",
        "consent_health_data": "yes",
        "procedure": "",
        "surgeon": "",
        "message": "The scar pulls when she smiles.",
        "first_reply": "call_back",
        "is_confirmed": "on",
    } | changes
    return {name: value for name, value in sent.items() if value is not None}


def enter(client, **changes):
    return client.post(ADD, typed(**changes))


def stored():
    return ConsultationRequest.objects.get()

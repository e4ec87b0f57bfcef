"""Everything the practice holds about one person, as one file to hand over.

Whoever asks what is stored about them has a right to a copy: 45 CFR 164.524 (HIPAA) and
Article 15 of the GDPR. It is a ZIP with the photographs, a page to read and to print, and
the same as JSON. Nothing of it is written to this machine's disk.
"""

import json
import zipfile

from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import timezone
from post_office.models import Email

from practice.encryption import UNREADABLE, DecryptionError, readable
from practice.models import Practice
from practice.practice_time import in_practice_time

from .. import photos
from ..models import ConsultationRequest
from ..patient_page import private_link
from ..request_queries import same_address_or_number

# What the person told us, in the order of the form.
TOLD = (
    *("full_name", "preferred_name", "email", "phone", "is_under_18"),
    *("guardian_name", "guardian_relationship", "procedure", "surgeon", "message"),
    *("contact_method", "best_time", "may_leave_voicemail", "may_text", "interpreter_language"),
)
# What we noted beside it.
NOTED = (
    *("status", "close_reason", "owner", "respond_by", "first_response_at"),
    *("last_contact_at", "follow_up_on", "closed_at", "deletion_asked_at", "legal_hold"),
    *(
        "origin",
        "referred_by",
        "procedure_version",
        "suspicions",
        "link_expires_at",
        "link_revoked_at",
    ),
)
# Numbers and digests by which the site works; they say nothing about the person.
NOT_COPIED = frozenset(
    {
        *("id", "submission_token", "answers_digest", "is_test", "response_minutes"),
        *("escalated_at", "patient_acted_at", "duplicate_of", "resembles"),
        *("link_number", "link_digest", "sealed_link"),
    }
)
LINK_LEFT_OUT = "[your private link]"


def of_the_same_person(row, requests):
    """Other requests among `requests` with this one's address or number, or merged with it."""
    same = same_address_or_number(row) | Q(duplicate_of=row)
    if row.duplicate_of_id:
        same |= Q(pk=row.duplicate_of_id) | Q(duplicate_of=row.duplicate_of_id)
    return requests.filter(same).exclude(pk=row.pk).defer("message").order_by("-received_at")


@in_practice_time
def pieces(rows, *, with_notes):
    """The ZIP file in pieces of bytes, one photograph in memory at a time.

    What no key opens is named in its place, and the rest goes on.
    """
    pipe = _Pipe()
    requests = []
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for row in rows:
            requests.append(_request(row, with_notes))
            requests[-1]["photographs"] = []
            for photo in row.photos.all():
                requests[-1]["photographs"].append(_photograph(archive, row, photo))
                yield pipe.taken()
        context = {
            "requests": requests,
            "practice": Practice.current(),
            "made_at": timezone.localtime(),
            "with_notes": with_notes,
        }
        page = render_to_string("consultations/person_data.html", context)
        archive.writestr("your-data.html", page)
        archive.writestr("your-data.json", json.dumps(requests, indent=1, ensure_ascii=False))
    yield pipe.taken()


def _request(row, with_notes):
    return {
        "reference": row.reference,
        "received": _said(row.received_at),
        "told": _facts(row, TOLD),
        "noted": _facts(row, NOTED),
        "agreed": [
            {
                "to": consent.get_kind_display(),
                "answer": "yes" if consent.is_given else "no",
                "at": _said(consent.at),
                "wording": consent.wording,
                "version": consent.version,
                "recorded_by": consent.recorded_by,
            }
            for consent in row.consents.all()
        ],
        "happened": [_event(event, with_notes) for event in row.events.select_related("contact")],
        "mails": [_mail(mail) for mail in _mails(row)],
    }


def _facts(row, names):
    """{what it is called: what it says} for every field that says anything."""
    facts = {}
    for name in names:
        label = ConsultationRequest._meta.get_field(name).verbose_name
        if name == "message" and row.is_entered_by_staff:
            label = "what was said, as staff wrote it down"
        display = getattr(row, f"get_{name}_display", None)
        value = display() if display else readable(row, name, UNREADABLE)
        if value not in (None, "", [], False):
            facts[label[0].upper() + label[1:]] = _said(value)
    return facts


def _event(event, with_notes):
    told = {"at": _said(event.at), "what": event.summary or event.get_kind_display()}
    if event.to_status:
        told["state"] = event.get_to_status_display()
    if hasattr(event, "contact"):
        told["contact"] = str(event.contact)
    if with_notes and (note := readable(event, "note", UNREADABLE)):
        told["note"] = note
    return told


def _mails(row):
    """Those that went to the person; the notices to staff hold nothing about them."""
    keys = [
        key
        for details in row.events.values_list("details", flat=True)
        for key in details.get("emails", ())
    ]
    mails = Email.objects.filter(pk__in=keys).order_by("created")
    staff = Practice.current().staff_mailbox.lower()
    return [mail for mail in mails if staff not in {to.lower() for to in mail.to}]


def _mail(mail):
    return {
        "at": _said(mail.created),
        "to": ", ".join(mail.to),
        "subject": mail.subject,
        "text": private_link.PLACEHOLDER.sub(LINK_LEFT_OUT, mail.message),
    }


def _photograph(archive, row, photo):
    """Puts the picture into the archive; one that cannot be read is named as missing."""
    name = f"photographs/{row.reference}-{photo.pk}.jpg"
    told = {"view": photo.view or "Picture", "added": _said(photo.added_at), "file": name}
    try:
        archive.writestr(zipfile.ZipInfo(name), photos.read(photo))
    except DecryptionError:
        told["file"] = "This picture can no longer be read."
    return told


def _said(value):
    """As a person reads it and JSON holds it; moments in practice time."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if hasattr(value, "hour"):
        return timezone.localtime(value).isoformat(" ", "minutes")
    return str(value)


class _Pipe:
    """What `zipfile` writes to. Without `tell` and `seek` it never wants to go back."""

    def __init__(self):
        self.waiting = bytearray()

    def write(self, data):
        self.waiting += data
        return len(data)

    def flush(self):
        pass

    def taken(self):
        piece = bytes(self.waiting)
        self.waiting.clear()
        return piece

"""Every kind of public page, on the sample practice (`-p tests.whole_site`)."""

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.utils import timezone

PROCEDURE = "/procedures/selective-neurolysis/"
FORM = "/consultation/?procedure=selective-neurolysis&surgeon=sam-devictor"
# Pages that everybody may find, with everything that they can show.
FOUND = {
    "home": "/",
    "procedures": "/procedures/",
    "procedure": PROCEDURE,
    "surgeons": "/surgeons/",
    "surgeon": "/surgeons/sam-devictor/",
    "location": "",
    "privacy": "/privacy/",
    "accessibility": "/accessibility/",
    "form": FORM,
}
# Pages that only a visitor's own act brings up.
MET = {
    "search": "/search/",
    "search with results": "/search/?q=rinoplasty",
    "search without results": "/search/?q=zzzzzz",
    "no such page": "/nothing/",
    "withdrawn page": "/procedures/withdrawn/",
    "unknown link": "/consultation/request/unknown/",
    "sign-in": "/staff/login/",
    "bad request": "/wrong/400.html",
    "forbidden": "/wrong/403.html",
    "form too old": "/wrong/403_csrf.html",
    "server error": "/wrong/500.html",
    "private page without a database": "/wrong/consultations/private_down.html",
    "form with errors": "/wrong/form/errors/",
    "form without a database": "/wrong/form/down/",
    "form not received": "/wrong/form/not-received/",
    "form expired": "/wrong/form/expired/",
}
# Every other page answers 200.
STATUS = {
    "no such page": 404,
    "withdrawn page": 410,
    "unknown link": 404,
}


@pytest.fixture
def whole_site(db, settings):
    """Name → address of every public page; the practice is the sample, with pictures added."""
    from practice.models import Location

    settings.ROOT_URLCONF = "tests.wrong_pages"
    call_command("load_sample_content", verbosity=0)
    procedure = add_pictures()
    procedure.related.set(type(procedure).objects.exclude(pk=procedure.pk))
    withdrawn(procedure)
    own = pages_of(request_for(procedure))
    location = Location.objects.get(is_main=True).get_absolute_url()
    return FOUND | {"location": location} | MET | own


def add_pictures():
    """Gives one procedure a main picture and two cases under consent; returns it."""
    from procedures.models import Procedure
    from tests import picture_files

    procedure = Procedure.objects.get(slug="selective-neurolysis")
    procedure.hero = ContentFile(picture_files.plain((500, 250), "#8a8"), "hero.jpg")
    procedure.hero_alt = "A quiet room."
    procedure.save()
    for position, caption in enumerate(("One side only.", "")):
        add_case(procedure, position=position, caption=caption)
    return procedure


def add_case(procedure, size=(500, 600), **fields):
    from tests import picture_files

    case = procedure.cases.model(
        procedure=procedure,
        before_alt="a face from the side",
        after_alt="the same face, the corner of the mouth higher",
        time_after="6 months after surgery",
        is_shown=True,
        consent_reference="Folder 7",
        consent_signed_on=timezone.localdate() - timedelta(days=30),
        consent_covers_web=True,
        **fields,
    )
    case.before = ContentFile(picture_files.plain(size, "#a88"), "before.jpg")
    case.after = ContentFile(picture_files.plain(size, "#88a"), "after.jpg")
    case.save()
    return case


def withdrawn(procedure):
    type(procedure).objects.create(
        name="Withdrawn",
        slug="withdrawn",
        category=procedure.category,
        summary="Gone.",
        status="withdrawn",
    )


def request_for(procedure):
    from consultations import clock
    from consultations.models import ConsultationRequest
    from consultations.patient_page import private_link
    from practice.models import Practice

    now = timezone.now()
    request = ConsultationRequest(
        full_name="Ada Patient",
        email="ada@gmial.com",
        phone="+15125550142",
        message="Unseen on every page.",
        procedure=procedure,
        received_at=now,
        respond_by=clock.promise(Practice.current(), now),
    )
    private_link.issue(request)
    request.save()
    return request


def pages_of(request):
    from consultations.patient_page import private_link
    from consultations.views import RECEIPT

    return {
        "received": f"/consultation/received/{RECEIPT.sign(request.reference)}/",
        "private page": private_link.path(request),
    }

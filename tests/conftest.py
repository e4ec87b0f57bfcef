"""What most tests start from: a practice, its pages, its staff, and requests to it."""

import itertools
import socket
import time
import uuid
from datetime import date
from datetime import time as clock_time

import pytest
from django.contrib.auth.models import Group
from django.core import signing
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.test import Client, RequestFactory
from django.utils import timezone

pytest.register_assert_rewrite("tests.two_servers", "tests.backups")  # Fixtures of some modules.

PASSWORD = "correct horse battery staple"
DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20">'
    '<path d="M2 10h36" fill="none" stroke="#123"/></svg>'
)


@pytest.hookimpl(tryfirst=True)  # Before tests are chosen by their marks.
def pytest_collection_modifyitems(items):
    for item in items:
        mark = item.get_closest_marker("django_db")
        # Tests that commit find what migrations put there (the roles), whoever ran before.
        if mark and mark.kwargs.get("transaction"):
            again = pytest.mark.django_db(**mark.kwargs | {"serialized_rollback": True})
            item.add_marker(again, append=False)
        # Whoever asks no database is right or wrong on both.
        if not mark and "db" not in item.fixturenames and not is_marked(item, *OF_SITES):
            item.add_marker("once")


OF_SITES = ("browser", "processes", "servers")  # They start sites on a database of their own.


def is_marked(item, *names):
    return any(item.get_closest_marker(name) for name in names)


@pytest.fixture(autouse=True, scope="session")
def queued_mail(django_test_environment):
    """Undoes the change of backend that Django's test environment makes."""
    from django.conf import settings

    settings.EMAIL_BACKEND = "post_office.EmailBackend"


@pytest.fixture(autouse=True)
def empty_cache():
    from consultations import form_facts

    cache.clear()
    form_facts.forget()


# --- The practice and its pages --------------------------------------------------------------


@pytest.fixture
def practice(db):
    """Open Monday to Friday from 9 to 17 in Chicago, at one published main location."""
    from practice.models import Location, OpeningHours, Practice

    practice = Practice.objects.create(
        name="Example Surgery",
        tagline="Plain facts.",
        summary="A practice that exists in tests only.",
        about="We take *time*.",
        phone="+15125550100",
        email="hello@example.com",
        emergency_notice="This form is not for emergencies. In an emergency, call 911.",
        time_zone="America/Chicago",
        first_response_minutes=240,
        privacy="We keep little, and not for long.",
        accessibility="Tell us what does not work for you.",
    )
    location = Location.objects.create(
        name="Main office",
        slug="main-office",
        is_main=True,
        street="1 Example Street",
        city="Austin",
        region="TX",
        postal_code="78701",
        phone="+15125550101",
        directions="Opposite the library.",
        parking="Behind the house.",
        access="Step-free.",
        status="published",
    )
    OpeningHours.objects.bulk_create(
        OpeningHours(location=location, weekday=day, opens=clock_time(9), closes=clock_time(17))
        for day in range(5)
    )
    return practice


@pytest.fixture
def location(practice):
    from practice.models import Location

    return Location.objects.get(is_main=True)


@pytest.fixture
def surgeon(location):
    """A published surgeon with a page, seen at the main location."""
    from practice.models import Surgeon

    surgeon = Surgeon.objects.create(
        name="Robin Example",
        slug="robin-example",
        post_nominals="MD",
        role="Plastic surgeon",
        summary="Operates on the face.",
        certifying_board="Board of Examples",
        certification_url="https://example.com/look-up",
        training="Residency at Example Hospital.",
        languages="English, Spanish",
        philosophy="Explains first, operates later.",
        status="published",
    )
    surgeon.locations.add(location)
    return surgeon


@pytest.fixture
def category(db):
    from procedures.models import Category

    return Category.objects.create(name="Nose", slug="nose", summary="Shape and breathing.")


@pytest.fixture
def procedure(category, surgeon):
    """A complete published procedure, performed and featured by `surgeon`."""
    from procedures.models import Performance, Procedure

    procedure = Procedure.objects.create(
        name="Rhinoplasty",
        slug="rhinoplasty",
        category=category,
        also_known_as="nose job\nnose reshaping",
        summary="Surgery that changes the shape of the nose.",
        diagram=ContentFile(DRAWING.encode(), "nose.svg"),
        diagram_alt="A line that stands for the bridge of the nose.",
        diagram_caption="The bridge.",
        time_in_theatre="2–4 hours",
        anaesthesia="General",
        hospital_stay="Home the same day",
        back_to_work="1–2 weeks",
        results_visible="After a week",
        results_last="For years",
        what_it_is="Bone and cartilage are **shaped**.",
        who_it_is_for="Adults who want it for themselves.",
        who_it_is_not_for="Noses that still grow.",
        alternatives="- No surgery\n- Fillers",
        preparation="Do not smoke.",
        the_day="You sleep through it.",
        benefits="- A straighter nose",
        risks="- Bleeding\n- Breathing that gets worse",
        recovery="Swelling goes slowly.",
        when_to_get_help="Call us for fever. Call 911 if you cannot breathe.",
        cost_and_insurance="You get a written quote.",
        questions_to_ask="How often do you do this?\nWhat if I am not happy?",
        photo_views="From the front\nFrom the left",
    )
    procedure.faqs.create(question="Does it hurt?", answer="Somewhat, for a few days.")
    procedure.faqs.create(question="Will it show?", answer="Swelling does.", position=1)
    procedure.milestones.create(when="Day 1", title="Home", text="Rest.")
    procedure.milestones.create(when="Week 1", title="The splint comes off", position=1)
    procedure.sources.create(
        title="Nose surgery",
        publisher="Example Library",
        url="https://example.com/nose",
        year=2024,
        accessed=date(2025, 6, 1),
    )
    procedure.diagram_parts.create(number=1, label="Bridge", text="Bone above, cartilage below.")
    procedure.publish()
    Performance.objects.create(surgeon=surgeon, procedure=procedure, is_featured=True)
    return procedure


# --- Staff -----------------------------------------------------------------------------------


@pytest.fixture
def staff(db):
    """`staff("Coordinator", "carla")` makes an account in that role; its password is PASSWORD."""
    from practice.models import User

    def staff(role, username):
        user = User.objects.create_user(
            username,
            f"{username}@example.com",
            PASSWORD,
            first_name=username.title(),
            last_name=role,
            is_staff=True,
        )
        user.groups.add(Group.objects.get(name=role))
        return user

    return staff


@pytest.fixture
def coordinator(staff):
    return staff("Coordinator", "carla")


@pytest.fixture
def colleague(staff):
    """A second coordinator."""
    return staff("Coordinator", "colin")


@pytest.fixture
def manager(staff):
    return staff("Manager", "maria")


@pytest.fixture
def editor(staff):
    return staff("Editor", "edda")


@pytest.fixture
def auditor(staff):
    return staff("Auditor", "audrey")


@pytest.fixture
def surgeon_user(staff, surgeon):
    """The account of `surgeon`."""
    user = staff("Surgeon", "robin")
    surgeon.user = user
    surgeon.save()
    return user


@pytest.fixture
def signed_in():
    """`signed_in(user)` is a test client of somebody who has just passed the second factor."""
    from allauth.account.internal.flows.login import record_authentication
    from allauth.mfa.models import Authenticator
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    def signed_in(user):
        if not Authenticator.objects.filter(user=user).exists():
            TOTP.activate(user, generate_totp_secret())
        client = Client()
        client.force_login(user)
        request = RequestFactory().get("/")
        request.session = client.session
        record_authentication(request, user, method="password")
        request.session.save()
        return client

    return signed_in


# --- Requests --------------------------------------------------------------------------------


@pytest.fixture
def answers():
    """What a patient's browser posts to /consultation/, opened a minute ago. Change at will."""
    from consultations.views import FORM_SALT

    ticket = {"token": uuid.uuid4().hex, "origin": "website", "opened_at": time.time() - 60}
    return {
        "token": signing.dumps(ticket, salt=FORM_SALT),
        "website": "",
        "full_name": "Ada Patient",
        "preferred_name": "Ada",
        "email": "ada@example.com",
        "phone": "(512) 555-0142",
        "guardian_name": "",
        "guardian_relationship": "",
        "procedure": "",
        "surgeon": "",
        "message": "My nose is blocked on the left. What could be done?",
        "contact_method": "phone",
        "best_time": "any",
        "interpreter_language": "",
        "may_leave_voicemail": "on",
        "consent_health_data": "on",
    }


@pytest.fixture
def a_request(practice):
    """`a_request(status="new", …)` stores one request with its first event, each a new person."""
    from consultations import clock
    from consultations.models import CloseReason, ConsultationRequest, Event, Status
    from consultations.patient_page import private_link

    numbers = itertools.count(1)

    def a_request(**fields):
        number = next(numbers)
        received_at = fields.setdefault("received_at", timezone.now())
        values = {
            "full_name": f"Patient {number}",
            "email": f"patient{number}@example.com",
            "phone": f"+1512555{number + 100:04d}",
            "message": f"What patient {number} wrote.",
            "respond_by": clock.promise(practice, received_at),
        }
        if fields.get("status") == Status.CLOSED:
            values |= {"close_reason": CloseReason.NO_REPLY, "closed_at": timezone.now()}
        request = ConsultationRequest(**values | fields)
        private_link.issue(request)
        request.save()
        Event.objects.create(
            request=request,
            kind=Event.Kind.RECEIVED,
            at=received_at,
            by_name="Patient",
            to_status=Status.NEW,
        )
        return request

    return a_request


# --- Mail ------------------------------------------------------------------------------------


class Sink:
    """A mail server that keeps what it is given in `messages` (email.message.EmailMessage)."""

    def __init__(self, port):
        self.port = port
        self.messages = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 (the library's name)
        from email import message_from_bytes, policy

        message = message_from_bytes(envelope.original_content, policy=policy.default)
        message.envelope_to = list(envelope.rcpt_tos)
        self.messages.append(message)
        return "250 Kept"


@pytest.fixture
def smtp_sink(settings):
    """A real mail server on this machine, to which the queue now sends."""
    from aiosmtpd.controller import Controller

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        sink = Sink(probe.getsockname()[1])
    controller = Controller(sink, hostname="127.0.0.1", port=sink.port)
    controller.start()
    settings.MAIL_TRANSPORT = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
    yield sink
    controller.stop()

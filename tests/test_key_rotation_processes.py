"""A key is changed on a site at work, and the rotation is killed in the middle."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.fernet import Fernet
from django.db import connection

from tests.patients import Patient
from tests.processes import a_site, look, visit, wait_for

pytestmark = pytest.mark.processes
BEFORE, WHILE = 8, 8
# Three rows at a time, and a pause that leaves time to kill it.
SLOWLY = """
import sys, time, django; django.setup()
from django.core.management import call_command
from practice.operations import key_rotation
key_rotation.AT_ONCE = 3
renew = key_rotation.Column.renew
def renew_slowly(place, batch):
    renew(place, batch)
    print("renewed", flush=True)
    time.sleep(0.3)
key_rotation.Column.renew = renew_slowly
call_command("rotate_encryption_keys")
"""
PHOTO = """
from PIL import Image
from consultations import photos, triage
from consultations.models import ConsultationRequest
from practice.models import User
staff = User.objects.create_user("carla", is_staff=True, is_superuser=True)
for request in ConsultationRequest.objects.all()[:5]:
    photos.add(request, [("Front", Image.new("RGB", (40, 30), "red"))], by=staff)
    triage.add_note(request, f"Note on {request.reference}", by=staff)
"""
LEFT = """
from practice.operations import key_rotation
from practice.encryption import fingerprints
newest = fingerprints()[0]
answer = sum(
    key != newest for place in key_rotation.places() for batch in place.batches()
    for pk, value in batch for key in place.keys(pk, value)
)
"""
RUN_OUT_THE_LEASE = """
from practice.models import Lease
Lease.objects.filter(name="maintenance").update(expires_at="2020-01-01T00:00Z")
"""
READ = """
from consultations import photos
from consultations.patient_page import private_link
from consultations.models import ConsultationRequest, Event, Photo
from post_office.models import Email
answer = {
    "messages": [[row.reference, row.message] for row in ConsultationRequest.objects.all()],
    "links": [private_link.path(row) for row in ConsultationRequest.objects.all()],
    "notes": [event.note for event in Event.objects.filter(kind="noted")],
    "photos": [photos.read(photo)[:3].hex() for photo in Photo.objects.all()],
}
"""


def test_a_new_key_takes_over_while_people_send_though_the_rotation_is_killed(smtp_sink):
    with a_site(connection.vendor == "postgresql") as site:
        # Given requests, notes and photographs under the old key, and mails that still wait
        old, new = site.environment["FIELD_ENCRYPTION_KEYS"], Fernet.generate_key().decode()
        site.serve()
        people = [Patient(site, number) for number in range(BEFORE + WHILE)]
        for person in people:
            person.open()
        wait = threading.Event()
        wait.wait(3)  # Nobody fills it in faster; the spam rules know.
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(Patient.send, people[:BEFORE]))
        site.ask(PHOTO)
        links = [link_on(site, person) for person in people[:BEFORE]]
        site.stop()

        # When the new key comes first, and people go on sending during the rotation
        site.environment["FIELD_ENCRYPTION_KEYS"] = f"{new},{old}"
        site.serve()
        log = site.folder / "rotation.log"
        rotation = site.start("-c", SLOWLY, log=log.name)
        with ThreadPoolExecutor(2) as pool:
            sending = [pool.submit(person.send) for person in people[BEFORE:]]
            wait_for(lambda: log.read_text().count("renewed") > 2, "the rotation is under way")
            rotation.kill()
            rotation.wait()
            assert site.ask(LEFT) > 5
            site.ask(RUN_OUT_THE_LEASE)
            site.manage("rotate_encryption_keys")
            for each in sending:
                each.result()

        # Then nothing is left under the old key, and without it everything can be read
        assert site.ask(LEFT) == 0
        site.stop()
        site.environment["FIELD_ENCRYPTION_KEYS"] = new
        site.environment["EMAIL_URL"] = f"smtp://127.0.0.1:{smtp_sink.port}"
        found = site.ask(READ)
        assert sorted(found["messages"]) == sorted(
            [*person.references, f"It hurts & it is\n<red> {person.marker}"] for person in people
        )
        assert None not in found["links"]
        assert len(found["notes"]) == 5
        assert found["photos"] == ["ffd8ff"] * 5

        # And the links that people have still open, in the browser and in the mails
        site.serve()
        site.work()
        for link in links:
            assert visit(site, link).status_code == 200
        wait_for(lambda: len(smtp_sink.messages) >= 2 * len(people), "every mail is sent")
        for person, link in zip(people, links, strict=False):
            (letter,) = [
                each
                for each in smtp_sink.messages
                if each.envelope_to == [f"{person.marker}@example.com"]
            ]
            text = letter.get_body(("plain",)).get_content()
            assert re.search(r"https://testserver(/consultation/request/\S+)", text)[1] == link


def link_on(site, person):
    confirmation = look(site, person.receipt)
    return next(link for link in confirmation.links if "/consultation/request/" in link)

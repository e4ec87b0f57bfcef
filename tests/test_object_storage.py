"""Pictures and photographs in a bucket: an S3 server is really asked, and no disk is written."""

import os
import subprocess
import sys
import time
from email.utils import parsedate_to_datetime

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.utils import timezone

from consultations import photos, privacy
from consultations.models import Photo
from consultations.patient_page import private_link
from practice import environment
from practice.media import stored_files
from practice.media.object_storage import StorageUnavailable
from procedures.models import BeforeAfterCase
from tests import picture_files as files
from tests.environment import VALUES
from tests.object_store import BUCKET, an_object_store
from tests.pages import Page
from tests.processes import ROOT, free_port
from tests.whole_site import add_case

# The bucket knows nothing of the database.
pytestmark = [pytest.mark.django_db, pytest.mark.once]
NOWHERE = "/dev/null/no-folder-can-be-made-here"


@pytest.fixture(scope="module")
def server():
    with an_object_store() as server:
        server.wait()
        yield server


@pytest.fixture
def use(settings):
    """`use(url)` is what MEDIA_STORAGE_URL does; folders cannot be written from then on."""

    def use(url):
        settings.MEDIA_ROOT = settings.PRIVATE_MEDIA_ROOT = NOWHERE
        settings.STORAGES = settings.STORAGES | stored_files.storages(
            environment.bucket(url, servers=1, is_shared=False),
            private_root=NOWHERE,
            media_url=settings.MEDIA_URL,
        )

    return use


@pytest.fixture
def store(server, use):
    server.empty()
    use(server.url)
    return server


@pytest.fixture
def unreachable(use):
    use(f"s3+http://key:secret@127.0.0.1:{free_port()}/{BUCKET}")


def stored(name, data=b"picture"):
    return default_storage.save(name, ContentFile(data))


# --- Pictures that everybody may see ----------------------------------------------------------


def test_every_size_of_a_picture_lies_in_the_bucket_and_leaves_through_our_address(
    client, store, procedure
):
    procedure.hero = ContentFile(files.plain((1000, 500)), "hero.jpg")
    procedure.hero_alt = "A room."
    procedure.save()

    kinds = {store.get(name)["ContentType"] for name in store.names()}
    assert {"image/webp", "image/avif", "image/jpeg"} <= kinds
    assert all(name.startswith("public/") for name in store.names())
    assert procedure.hero.url == f"/media/{procedure.hero.name}"
    response = client.get(procedure.hero.url)
    assert response.status_code == 200
    assert response["Content-Type"] == "image/webp"
    assert b"".join(response) == store.get(f"public/{procedure.hero.name}")["Body"].read()
    assert "immutable" in response["Cache-Control"]


def test_a_page_names_no_address_but_our_own(client, store, procedure):
    source = client.get(procedure.get_absolute_url()).content.decode()

    assert str(store.port) not in source
    assert "Signature" not in source
    assert "/media/" in source


def test_a_drawing_is_served_with_its_own_rules(client, store, procedure):
    procedure.diagram.save("nose.svg", ContentFile(b"<svg xmlns='http://www.w3.org/2000/svg'/>"))

    response = client.get(procedure.diagram.url)

    assert response["Content-Type"] == "image/svg+xml"
    assert "default-src 'none'" in response["Content-Security-Policy"]


@pytest.mark.parametrize("name", ["ours.webp", "folder/ours.webp", "ünï cödé.webp"])
def test_a_browser_that_has_it_is_told_so(client, store, name):
    address = default_storage.url(stored(name))
    first = client.get(address)
    assert first.status_code == 200
    assert first["Content-Length"] == "7"
    assert parsedate_to_datetime(first["Last-Modified"])

    for header in (
        {"If-None-Match": first["ETag"]},
        {"If-None-Match": f'"other", W/{first["ETag"]}'},
        {"If-Modified-Since": first["Last-Modified"]},
    ):
        again = client.get(address, headers=header)
        assert (again.status_code, again.content) == (304, b""), header
    assert client.get(address, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_folder_answers_conditions_too(client, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    address = default_storage.url(stored("ours.webp"))
    first = client.get(address)
    assert b"".join(first) == b"picture"

    again = client.get(address, headers={"If-Modified-Since": first["Last-Modified"]})

    assert again.status_code == 304


def test_a_head_request_sends_the_headers_alone(client, store):
    response = client.head(default_storage.url(stored("ours.webp")))

    assert (response.status_code, response["Content-Length"]) == (200, "7")
    assert b"".join(response) == b""


@pytest.mark.parametrize(
    "path", ["nothing.webp", "folder", "folder/", "folder/ours.webp/deeper", "private/secret.photo"]
)
def test_what_is_not_there_is_not_found(client, store, path):
    stored("folder/ours.webp")
    storages["private"].save("secret.photo", ContentFile(b"sealed"))

    assert client.get(f"/media/{path}").status_code == 404


@pytest.mark.parametrize("path", ["../private/secret.photo", "a/../../private/secret.photo"])
def test_no_path_leads_to_the_photographs(client, store, path):
    storages["private"].save("secret.photo", ContentFile(b"sealed"))

    assert client.get(f"/media/{path}").status_code in (400, 404)


def test_a_second_file_of_the_same_name_does_not_replace_the_first(store):
    assert stored("a.webp", b"1") != stored("a.webp", b"2")
    assert default_storage.open("a.webp").read() == b"1"


def test_a_large_object_passes_through_in_constant_memory(store):
    size = 120 * 1024 * 1024
    store.client.put_object(Bucket=BUCKET, Key="public/large.webp", Body=bytes(size))
    script = """
import resource, sys, django
django.setup()
from django.test import RequestFactory
from django.core.files.storage import default_storage
from practice.media import stored_files
default_storage.exists("large.webp")  # Everything that is needed is imported now.
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
request = RequestFactory().get("/")
sent = sum(map(len, stored_files.answer(request, default_storage, "large.webp")))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(sent, (after - before) // 1024)
"""
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **VALUES, "MEDIA_STORAGE_URL": store.url},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    sent, megabytes = map(int, ran.stdout.split())
    assert sent == size
    assert megabytes < 16


# --- Pictures of patients ---------------------------------------------------------------------


def test_a_revoked_consent_ends_every_size_at_once(client, store, procedure):
    case = add_case(procedure)
    names = [name.removeprefix("public/") for name in store.names() if "cases/" in name]
    assert len(names) == 2 + 2 * 3
    responses = [client.get(f"/media/{name}") for name in names]
    assert {response.status_code for response in responses} == {200}
    assert {response["Cache-Control"] for response in responses} == {"private, no-store"}

    BeforeAfterCase.objects.filter(pk=case.pk).update(consent_revoked_on=timezone.localdate())

    assert {client.get(f"/media/{name}").status_code for name in names} == {404}


@pytest.mark.parametrize(
    "spelling", ["./{}", "x/../{}", "%2e/{}", "/{}", "x/./../{}", ".%5c{}", "x%5c..%5c{}", "{}/."]
)
def test_no_other_spelling_leads_to_a_patients_picture(client, store, procedure, spelling):
    """The bucket itself would take them for the same name."""
    name = add_case(procedure).before.name
    assert client.get(f"/media/{name}").status_code == 200
    BeforeAfterCase.objects.update(consent_revoked_on=timezone.localdate())

    assert client.generic("GET", f"/media/{spelling.format(name)}").status_code == 404


# --- Patients' own photographs ----------------------------------------------------------------


@pytest.fixture
def request_(a_request):
    return a_request()


@pytest.fixture
def send(client, request_):
    def send(*data):
        given = {f"photos-view_{n}": files.upload(each, "a.jpg") for n, each in enumerate(data)}
        return client.post(f"{private_link.path(request_)}photos/", given)

    return send


def test_a_photograph_is_stored_as_ciphertext_shown_to_staff_and_erased(
    store, send, request_, signed_in, manager
):
    assert send(files.plain((400, 300))).status_code == 302
    photo = Photo.objects.get()
    (name,) = store.names()
    assert name == f"private/{photo.stored_as}"
    assert store.get(name)["Body"].read().startswith(b"gAAAA")

    page = signed_in(manager).get(
        f"/admin/consultations/consultationrequest/{request_.pk}/photo/{photo.pk}/"
    )
    assert page.status_code == 200
    assert page.content == photos.read(photo)
    with pytest.raises(ValueError, match="nowhere"):
        storages["private"].url(photo.stored_as)


@pytest.mark.django_db(transaction=True)
def test_an_erased_request_leaves_nothing_in_the_bucket(store, send, request_):
    send(files.plain((400, 300)), files.plain((300, 400)))
    assert len(store.names()) == 2

    privacy.erase(request_, reason="Asked for.", by="Maria")

    assert store.names() == []


def test_nobody_but_the_owner_may_read_an_object(store):
    stored("ours.webp")

    grants = store.client.get_object_acl(Bucket=BUCKET, Key="public/ours.webp")["Grants"]

    assert [(each["Grantee"]["Type"], each["Permission"]) for each in grants] == [
        ("CanonicalUser", "FULL_CONTROL")
    ]


# --- The service is away ----------------------------------------------------------------------


def test_a_picture_that_cannot_be_fetched_is_not_said_to_be_gone(client, unreachable):
    started = time.monotonic()
    response = client.get("/media/ours.webp")

    assert response.status_code == 503
    assert response["Cache-Control"] == "no-store"
    assert time.monotonic() - started < 5


def test_a_patient_is_told_that_no_photograph_arrived(send, unreachable, request_):
    response = send(files.plain((400, 300)))

    page = Page(response)
    assert response.status_code == 503
    assert "none of them has arrived" in page.text
    assert "Your request itself is safe" in page.text
    assert not Photo.objects.exists()
    assert not request_.events.filter(kind="photo").exists()


def test_pages_are_served_without_it(client, unreachable, procedure_without_files):
    assert client.get(procedure_without_files.get_absolute_url()).status_code == 200


@pytest.fixture
def procedure_without_files(category):
    from procedures.models import Procedure

    return Procedure.objects.create(
        name="Otoplasty", slug="otoplasty", category=category, status="published"
    )


def test_monitors_are_told(client, unreachable):
    assert client.get("/readyz").json()["media"] == "the object storage cannot be reached"


def test_monitors_are_told_of_a_bucket_that_is_not_there(client, use, server):
    use(server.url.replace(f"/{BUCKET}", "/no-such-bucket"))

    assert client.get("/readyz").json()["media"] == "the object storage answers 404"


def test_monitors_are_content_with_a_bucket_that_is(client, store):
    assert client.get("/readyz").json()["media"] == "ok"


def test_what_is_raised_holds_neither_name_nor_key(unreachable):
    with pytest.raises(StorageUnavailable) as raised:
        stored("ada-patient.webp")
    assert str(raised.value) == "The object storage cannot be reached."


def test_requests_are_signed_by_the_fourth_version(store):
    config = default_storage.connection.meta.client.meta.config

    assert config.signature_version == "s3v4"
    assert (config.connect_timeout, config.read_timeout) == (2, 10)

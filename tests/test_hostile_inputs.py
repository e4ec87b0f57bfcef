"""More than a thousand hostile sends, and addresses as bad; none of them is an error of ours.

Each test counts what it has sent, so that a change of its settings cannot empty it.
"""

from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consultations.forms import ConsultationForm
from consultations.models import ConsultationRequest
from consultations.patient_page import private_link
from tests import picture_files as files
from tests.private_pages import contact_form, page_of, stored

pytestmark = pytest.mark.django_db

FORM = "/consultation/"
NEVER = range(500, 600)
PUBLIC = (
    "/",
    "/procedures/",
    "/procedures/rhinoplasty/",
    "/surgeons/",
    "/surgeons/robin-example/",
    "/locations/main-office/",
    FORM,
    "/consultation/received/",
    "/consultation/request/",
    "/search/",
    "/privacy/",
    "/accessibility/",
    "/sitemap.xml",
    "/robots.txt",
    "/site.webmanifest",
    "/social/",
    "/media/",
    "/staff/login/",
    "/healthz",
)
NASTY = [
    *("", " ", "\0", "a\0b", "\ud800", "\u202e\u2066", "\ufeff", "\r\nBcc: x@example.com"),
    *("' OR 1=1 --", "{{ 7*7 }}{% now 'Y' %}", "%s%n%(x)s", "<script>alert(1)</script>", "${x}"),
    *("-1", "9" * 400, "1e309", "NaN", "None", "on", "text", "phone", "email", "any", "1", "١٢٣"),
    *("+1" * 60, "+15125550142", "tel:+1;ext=9", "ada@" + "a." * 120 + "com", "ada@example.com"),
    *("../../etc/passwd", "..\\..\\x", "rhinoplasty", "[url=http://x]" * 9, "https://a.b " * 9),
    *("a" * 20_000, "é" * 6000, "x" * 5001),
]
anything = st.one_of(
    st.sampled_from(NASTY), st.text(st.characters(exclude_categories=()), max_size=30)
)
values = st.one_of(anything, st.lists(anything, max_size=3))


def hostile(count):
    return settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def as_bytes(value):
    """A hostile client is not held to valid text."""
    if isinstance(value, list):
        return [as_bytes(each) for each in value]
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def encoded(data):
    """One form body; far faster than the test client's multipart."""
    return "&".join(
        f"{quote_from_bytes(as_bytes(name))}={quote_from_bytes(as_bytes(each))}"
        for name, value in data.items()
        for each in (value if isinstance(value, list) else [value])
    )


@pytest.fixture
def post(client, practice):
    """`post(path, data)` sends a form; `post.sent` counts."""
    client.raise_request_exception = False

    def post(path, data):
        post.sent += 1
        response = client.post(path, encoded(data), "application/x-www-form-urlencoded")
        assert response.status_code not in NEVER, (path, response.status_code)
        return response

    post.sent = 0
    return post


FIELDS = [*ConsultationForm.base_fields, "csrfmiddlewaretoken", "status", "reference", "id", "\0"]


def test_six_hundred_hostile_forms_are_received_or_given_back(post, client, procedure, answers):
    @hostile(600)
    @given(changes=st.dictionaries(st.sampled_from(FIELDS), values, min_size=1, max_size=4))
    def send(changes):
        response = post(FORM, answers | changes)
        assert response.status_code in (200, 302, 400, 403, 422)

    send()
    assert post.sent >= 600
    # And none has opened a way to a column that patients do not fill in.
    received = ConsultationRequest.objects.all()[:40]
    assert received
    for row in received:
        assert row.status in ("new", "quarantined")
        assert client.get(private_link.path(row)).status_code == 200


CONTACT = ["contact-phone", "contact-email", "initial-contact-phone", "initial-contact-email"]
ACTS = {
    "contact/": [*CONTACT, "phone", "email", "contact-reference"],
    "consents/": ["consents-may_text", "initial-consents-may_text"],
    "withdraw/": ["reason", "status"],
    "delete/": ["sure", "deletion_asked_at"],
    "photos/": ["photos-view_0", "photos-view_1", "photos-"],
    "": ["anything"],
}


def test_three_hundred_and_fifty_hostile_forms_on_the_private_page(post, a_request):
    requests = [a_request() for _ in range(3)]

    @hostile(350)
    @given(mine=st.sampled_from(requests), act=st.sampled_from([*ACTS, "contact/"]), data=st.data())
    def send(mine, act, data):
        names = st.sampled_from([*ACTS[act], "csrfmiddlewaretoken", "\0"])
        changes = data.draw(st.dictionaries(names, values, max_size=3))
        shown = contact_form(stored(mine)) if act == "contact/" else {}
        response = post(page_of(mine) + act, shown | changes)
        assert response.status_code in (302, 400, 403, 405, 409, 422, 429)

    send()
    assert post.sent >= 350


WHOLE = files.plain((64, 48))
PICTURES = [
    *(WHOLE, files.plain(kind="PNG"), files.plain(kind="WEBP"), files.from_a_phone()),
    *(files.animated(), files.claiming(20_000, 10_000), files.plain(kind="AVIF"), b"%PDF-1.7"),
    *(b"", b"\0", b"<svg xmlns='http://www.w3.org/2000/svg'/>", WHOLE + b"PK\3\4"),
]
broken = st.builds(
    lambda data, at, noise: data[:at] + noise + data[at + len(noise) :],
    st.sampled_from(PICTURES),
    st.integers(0, 900),
    st.binary(max_size=40),
)
names = st.one_of(
    st.sampled_from(["a.jpg", "a.HEIC", "../../a.jpg", "a\0.jpg", ".", "", "x" * 300, "a.php.png"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)


def test_sixty_hostile_files(client, a_request, settings, tmp_path):
    private = settings.STORAGES["private"]
    options = private["OPTIONS"] | {"location": str(tmp_path)}
    settings.STORAGES = settings.STORAGES | {"private": private | {"OPTIONS": options}}
    client.raise_request_exception = False
    page = private_link.path(a_request())
    sent = []

    @hostile(60)
    @given(data=st.one_of(st.sampled_from(PICTURES), broken), name=names)
    def send(data, name):
        sent.append(name)
        body = (
            b'--x\r\nContent-Disposition: form-data; name="photos-view_0"; filename="'
            + name.encode()
            + b'"\r\nContent-Type: image/jpeg\r\n\r\n'
            + data
            + b"\r\n--x--\r\n"
        )
        response = client.generic(
            "POST", f"{page}photos/", body, content_type="multipart/form-data; boundary=x"
        )
        assert response.status_code in (302, 400, 422)

    send()
    assert len(sent) >= 60


paths = st.one_of(
    st.sampled_from(["", "%00", "%ff", "%ed%a0%80", "..%2f..%2f", "a" * 3000, "%", "//", "%0d%0a"]),
    st.binary(max_size=12).map(quote_from_bytes),
)
queries = st.one_of(
    st.sampled_from(["", "q=%00", "p=-1", "procedure=%ff", "surgeon=%00&surgeon=1", "&&==", "%"]),
    st.builds(
        lambda name, value: f"{name}={quote_from_bytes(as_bytes(value))}",
        st.sampled_from(["q", "procedure", "surgeon", "page", "preview", "version", "next", "p"]),
        anything,
    ),
)


def test_three_hundred_hostile_addresses(client, procedure):
    client.raise_request_exception = False
    sent = []

    @hostile(300)
    @given(start=st.sampled_from(PUBLIC), end=paths, query=queries)
    def look(start, end, query):
        sent.append(start)
        response = client.generic("GET", f"{start}{end}", QUERY_STRING=query)
        assert response.status_code not in NEVER, (start, end, query)

    look()
    assert len(sent) >= 300


def test_no_single_nasty_word_is_an_error_in_any_public_query(client, procedure):
    client.raise_request_exception = False

    for word in NASTY:
        said = quote_from_bytes(as_bytes(word))
        for address, query in (
            ("/search/", f"q={said}"),
            (FORM, f"procedure={said}&surgeon={said}"),
        ):
            response = client.generic("GET", address, QUERY_STRING=query)
            assert response.status_code not in NEVER, (address, word[:40])

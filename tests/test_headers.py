"""What each kind of page tells browsers, at Mozilla's A+ (the rules are in observatory.py)."""

import re

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import path
from PIL import Image

from consultations import photos
from consultations.patient_page import private_link
from consultations.timeline import PATIENT
from consultations.views import RECEIPT
from practice.accounts.session_store import StaffSession
from practice.http import headers
from practice.media import drawings
from practice.urls import urlpatterns as own_patterns
from tests import observatory, picture_files
from tests.whole_site import add_case

pytestmark = [pytest.mark.django_db, pytest.mark.once]
REQUESTS = "/admin/consultations/consultationrequest/"
PAGE = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
PAGE += "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; "
PAGE += "base-uri 'none'; frame-ancestors 'none'"
FILE = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><style>path{fill:none}</style>'
    '<path style="stroke: #123" d="M2 10h36"/><path style="stroke:&quot;red&quot;" d="M2 12h36"/>'
    "</svg>"
)


def broken(request):
    raise ValueError("What a patient wrote.")


def forbidden(request):
    raise PermissionDenied


def suspicious(request):
    raise SuspiciousOperation("What a patient wrote.")


urlpatterns = [
    path("broken/", broken),
    path("forbidden/", forbidden),
    path("suspicious/", suspicious),
    *own_patterns,
]


@pytest.fixture(scope="module")
def kept():
    """The answers, which no test changes; their site is there only for the test that asks first."""
    return {}


@pytest.fixture
def site(kept, request):
    """Name → answer of every kind of page, over HTTPS."""
    if not kept:
        kept |= request.getfixturevalue("visited")
    return kept


@pytest.fixture
def visited(procedure, surgeon, a_request, signed_in, manager, settings, tmp_path):
    settings.ROOT_URLCONF = "tests.test_headers"
    private = settings.STORAGES["private"]
    options = private["OPTIONS"] | {"location": str(tmp_path)}
    settings.STORAGES = settings.STORAGES | {"private": private | {"OPTIONS": options}}
    procedure.diagram = ContentFile(DRAWING.encode(), "styled.svg")
    procedure.hero = ContentFile(picture_files.plain((500, 250)), "hero.jpg")
    procedure.hero_alt = "A quiet room."
    procedure.save()
    case = add_case(procedure)
    row = a_request(procedure=procedure, status="in_contact")
    photo = photos.add(row, [("Front", Image.new("RGB", (60, 40)))], by=PATIENT)[0]
    visitor, staff = Client(raise_request_exception=False), signed_in(manager)

    def get(address, client=visitor):
        return client.get(address, secure=True)

    def post(address, answers, client=visitor):
        return client.post(address, answers, secure=True)

    return {
        "home": get("/"),
        "procedure": get("/procedures/rhinoplasty/"),
        "preview": get("/procedures/rhinoplasty/?preview", staff),
        "surgeon": get("/surgeons/robin-example/"),
        "search": get("/search/?q=nose"),
        "form": get("/consultation/"),
        "form with errors": post("/consultation/", {"full_name": "Ada"}),
        "confirmation": get(f"/consultation/received/{RECEIPT.sign(row.reference)}/"),
        "private page": get(private_link.path(row)),
        "unknown link": get("/consultation/request/unknown/"),
        "sitemap": get("/sitemap.xml"),
        "robots": get("/robots.txt"),
        "manifest": get("/site.webmanifest"),
        "card for links": get("/social/home.png"),
        "picture": get(procedure.hero.url),
        "drawing": get(procedure.diagram.url),
        "patient's picture": get(case.before.url),
        "stylesheet": get("/static/css/site.css"),
        "script": get("/static/js/consultation.js"),
        "font": get("/static/fonts/newsreader-basic.woff2"),
        "icon": get("/static/img/favicon.svg"),
        "static drawing": get("/static/img/hero-lines.svg"),
        "sign-in": get("/staff/login/"),
        "sign-in with errors": post("/staff/login/", {"login": "x", "password": "y"}),
        "forgotten password": get("/staff/password/reset/"),
        "second factor": get("/staff/2fa/", staff),
        "own sign-ins": get("/staff/sessions/", staff),
        "state of the session": get("/staff/session/", staff),
        "admin, signed out": get("/admin/"),
        "admin": get("/admin/", staff),
        "admin's script": get("/admin/jsi18n/", staff),
        "inbox": get(REQUESTS, staff),
        "request": get(f"{REQUESTS}{row.pk}/change/", staff),
        "letter": get(f"{REQUESTS}{row.pk}/letter/", staff),
        "photograph": get(f"{REQUESTS}{row.pk}/photo/{photo.pk}/", staff),
        "export": get(f"{REQUESTS}export/", staff),
        "export file": post(f"{REQUESTS}export/", {"kind": "csv", "reason": "A review"}, staff),
        "procedure in the admin": get("/admin/procedures/procedure/", staff),
        "health": get("/healthz"),
        "readiness": get("/readyz"),
        "not found": get("/nothing/"),
        "not found in the admin": get("/admin/nothing/", staff),
        "bad request": get("/suspicious/"),
        "forbidden": get("/forbidden/"),
        "server error": get("/broken/"),
        "wrong method": visitor.generic("TRACE", "/", secure=True),
        "expired form": Client(enforce_csrf_checks=True).post("/staff/login/", {}, secure=True),
    }


STATUS = {
    "form with errors": 200,
    "unknown link": 404,
    "not found": 404,
    "not found in the admin": 404,
    "bad request": 400,
    "forbidden": 403,
    "server error": 500,
    "wrong method": 405,
    "expired form": 403,
    "admin, signed out": 302,
}
FILES = {
    *("picture", "patient's picture", "stylesheet", "script", "font", "icon", "wrong method"),
}
DRAWINGS = {"drawing", "static drawing"}
SHOWN_ELSEWHERE = {"card for links", "picture", "drawing", "icon", "static drawing"}
# What holds a person's data, or is a step to it, is kept by no cache and by no browser.
PUBLIC = {
    *("home", "procedure", "surgeon", "search", "sitemap", "robots", "manifest"),
    *("card for links", "picture", "drawing", "stylesheet", "script", "font", "icon"),
    *("static drawing", "admin's script", "not found", "bad request", "forbidden"),
    *("server error", "wrong method", "health", "readiness"),
}


def rules(policy):
    return {rule.strip().partition(" ")[0]: rule.strip() for rule in policy.split(";")}


def test_every_kind_of_page_has_its_headers(site):
    wrong = []
    for name, response in site.items():
        expected = {
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Embedder-Policy": "require-corp",
            "Cross-Origin-Resource-Policy": (
                "cross-origin" if name in SHOWN_ELSEWHERE else "same-origin"
            ),
        }
        found = {key: response.get(key) for key in expected}
        if name not in DRAWINGS:
            found["csp"] = rules(response["Content-Security-Policy"])
            expected["csp"] = rules(FILE if name in FILES else PAGE)
        found["status"] = response.status_code
        expected["status"] = STATUS.get(name, response.status_code if name == "readiness" else 200)
        found["no-store"] = "no-store" in response.get("Cache-Control", "")
        if name not in PUBLIC and name != "patient's picture":
            expected["no-store"] = True
        elif name not in ("health", "readiness", "patient's picture"):
            expected["no-store"] = False
        else:
            del found["no-store"]
        wrong += [
            f"{name}: {key} is {found[key]}, not {expected[key]}"
            for key in expected
            if found[key] != expected[key]
        ]
    assert not wrong, "\n".join(wrong)


def test_nothing_is_unsafe_anywhere_and_every_connection_stays_secure(site):
    for name, response in site.items():
        policy = response["Content-Security-Policy"]
        assert "unsafe-inline" not in policy, name
        assert "unsafe-eval" not in policy, name
        if name != "wrong method":  # Answered before anything else.
            assert response["Strict-Transport-Security"] == (
                "max-age=63072000; includeSubDomains; preload"
            ), name


def test_no_answer_tells_what_made_it(site):
    for name, response in site.items():
        telling = {"server", "x-powered-by", "x-aspnet-version", "x-generator"}
        assert not telling & {key.lower() for key in response.headers}, name


def test_no_error_repeats_what_was_in_it(site):
    for name in ("server error", "bad request"):
        assert "patient wrote" not in site[name].content.decode()


def test_patients_pictures_are_kept_nowhere_and_shown_nowhere_else(site):
    response = site["patient's picture"]
    assert response["Cache-Control"] == "private, no-store"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"


def test_features_of_the_device_are_off_but_passkeys(site):
    for name in ("home", "form", "inbox", "sign-in"):
        policy = dict(part.split("=") for part in site[name]["Permissions-Policy"].split(", "))
        allowed = {feature for feature, who in policy.items() if who != "()"}
        assert allowed == {"publickey-credentials-create", "publickey-credentials-get"}, name
        assert {"camera", "microphone", "geolocation", "payment", "usb"} <= policy.keys()
        assert len(policy) > 30


# --- Mozilla's points ------------------------------------------------------------------------


def test_every_page_earns_an_a_plus(site, settings):
    settings.SECURE_SSL_REDIRECT = True
    plain = Client().get("/")
    points = {name: observatory.score(response, plain) for name, response in site.items()}
    del points["wrong method"]
    assert {name: observatory.grade(each) for name, each in points.items()} == (
        dict.fromkeys(points, "A+")
    )
    # All bonuses but for preloading and integrity, which our own scripts do not need.
    assert points["home"] == 130
    assert points["form"] == 135  # It sets a cookie.
    assert points["inbox"] >= 130


WORSE = [
    ("Content-Security-Policy", None, 75),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'", 115),
    ("Content-Security-Policy", "default-src 'none'; script-src 'unsafe-inline'", 80),
    ("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'", 125),
    ("Strict-Transport-Security", None, 80),
    ("Strict-Transport-Security", "max-age=86400", 120),
    ("X-Content-Type-Options", None, 125),
    ("Referrer-Policy", "unsafe-url", 120),
    ("Cross-Origin-Resource-Policy", None, 120),
    ("Cross-Origin-Resource-Policy", "everybody", 115),
    ("Access-Control-Allow-Credentials", "true", 50),
]


@pytest.mark.parametrize(("header", "value", "points"), WORSE)
def test_the_points_are_lost_where_mozilla_takes_them(practice, settings, header, value, points):
    response = Client().get("/", secure=True)
    settings.SECURE_SSL_REDIRECT = True
    plain = Client().get("/")
    assert observatory.score(response, plain) == 130
    if header.startswith("Access"):
        response["Access-Control-Allow-Origin"] = "*"
    if value is None:
        del response[header]
    else:
        response[header] = value
    assert observatory.score(response, plain) == points


def test_plain_http_is_led_to_https_on_the_same_host(settings):
    settings.SECURE_SSL_REDIRECT = True
    response = Client().get("/procedures/?a=b", headers={"host": "localhost"})
    assert response.status_code == 301
    assert response["Location"] == "https://localhost/procedures/?a=b"
    assert rules(response["Content-Security-Policy"]) == rules(FILE)


# --- Cookies ---------------------------------------------------------------------------------


def test_every_cookie_is_ours_alone(practice, coordinator, signed_in, manager, a_request):
    staff = signed_in(manager)
    row = a_request()
    answers = [
        Client().get("/staff/login/", secure=True),
        Client().get("/consultation/", secure=True),
        staff.post(f"{REQUESTS}{row.pk}/claim/", {"seen_status": "new"}, secure=True),
        staff.post(REQUESTS, {"q": "Ada"}, secure=True),
    ]
    cookies = [cookie for response in answers for cookie in response.cookies.values()]
    assert {cookie.key for cookie in cookies} == (
        {"__Host-csrf", "__Host-session", "__Host-messages"}
    )
    for cookie in cookies:
        assert cookie["secure"], cookie.key
        assert cookie["httponly"], cookie.key
        assert cookie["samesite"] == "Lax", cookie.key
        assert (cookie["path"], cookie["domain"]) == ("/", ""), cookie.key


def test_the_session_cookie_goes_with_the_browser(client, coordinator, practice):
    from tests.conftest import PASSWORD

    signed_in = client.post("/staff/login/", {"login": "carla", "password": PASSWORD})
    cookie = signed_in.cookies["__Host-session"]
    assert (cookie["expires"], cookie["max-age"]) == ("", "")


# --- Signing out -----------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/admin/logout/", "/staff/logout/"])
def test_after_signing_out_the_browser_forgets(signed_in, coordinator, practice, address):
    client = signed_in(coordinator)
    response = client.post(address, secure=True)
    assert response["Clear-Site-Data"] == '"cache", "storage"'
    assert not StaffSession.objects.exists()
    assert "Clear-Site-Data" not in client.get("/", secure=True)


def test_a_sign_out_of_nobody_clears_nothing(practice):
    assert "Clear-Site-Data" not in Client().post("/staff/logout/", secure=True)


# --- Drawings --------------------------------------------------------------------------------


def test_a_drawing_is_styled_as_its_own_text_says_and_not_otherwise(site):
    policy = rules(site["drawing"]["Content-Security-Policy"])
    digests = re.findall(r"'sha256-[\w+/=]+'", policy["style-src"])
    assert len(digests) == 3
    assert policy["style-src"].startswith("style-src 'unsafe-hashes' 'sha256-")
    assert policy["sandbox"] == "sandbox"
    assert policy["default-src"] == "default-src 'none'"


def test_our_own_drawings_say_so_too(site):
    policy = rules(site["static drawing"]["Content-Security-Policy"])
    assert policy["style-src"].startswith("style-src 'sha256-")


@pytest.mark.parametrize(("number", "is_accepted"), [(40, True), (41, False)])
def test_a_drawing_may_have_forty_different_styles(number, is_accepted):
    paths = "".join(f'<path style="stroke-width:{n}" d="M0 0"/>' for n in range(number))
    file = ContentFile(f'<svg xmlns="http://www.w3.org/2000/svg">{paths}{paths}</svg>'.encode())
    if is_accepted:
        drawings.validate_drawing(file)
        assert drawings.policy(file.file.getvalue()).count("sha256") == number
        return
    with pytest.raises(Exception, match="more than 40 different styles"):
        drawings.validate_drawing(file)


@pytest.mark.django_db
@pytest.mark.parametrize("debug", [True, False])
def test_a_page_that_says_what_was_not_found_has_the_policy_of_pages(client, settings, debug):
    settings.DEBUG = debug

    response = client.get("/consultation/request/unknown/")

    assert response.status_code == 404
    assert "style-src 'self'" in response["Content-Security-Policy"]


@pytest.mark.parametrize(("debug", "says"), [(True, "max-age=3600"), (False, "as it was")])
def test_only_in_development_a_font_is_kept_for_an_hour(settings, debug, says):
    """Elsewhere its name has a digest, and it is kept for ever."""
    settings.DEBUG = debug
    font, sheet = {"Cache-Control": "as it was"}, {"Cache-Control": "as it was"}

    headers.of_static_file(font, "x", "/static/fonts/newsreader-basic.woff2")
    headers.of_static_file(sheet, "x", "/static/css/site.css")

    assert font["Cache-Control"] == says
    assert sheet["Cache-Control"] == "as it was"

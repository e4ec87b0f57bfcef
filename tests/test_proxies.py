"""Whose word on the client's address and scheme is believed."""

import pytest
from django.test import RequestFactory

from practice.http.proxies import TrustedProxyMiddleware

pytestmark = pytest.mark.once

CLIENT, PROXY, OTHER = "203.0.113.7", "10.0.0.1", "198.51.100.9"

# (address of the connection, X-Forwarded-For, whom we take the client for)
FORWARDED = {
    "nobody in between": (CLIENT, None, CLIENT),
    "through the proxy": (PROXY, CLIENT, CLIENT),
    "through this machine": ("127.0.0.1", CLIENT, CLIENT),
    "through a Unix socket": ("", CLIENT, CLIENT),
    "through two proxies": ("127.0.0.1", f"{CLIENT}, {PROXY}", CLIENT),
    "with a forged beginning": (PROXY, f"{OTHER}, {CLIENT}", CLIENT),
    "with nonsense before it": (PROXY, f"nonsense, {CLIENT}", CLIENT),
    "nonsense alone": (PROXY, "nonsense", PROXY),
    "an empty header": (PROXY, " , ", PROXY),
    "no header": (PROXY, None, PROXY),
    "a stranger's claim": (CLIENT, OTHER, CLIENT),
    "IPv6": (PROXY, "2001:db8::7", "2001:db8::7"),
    "a proxy on a socket for both": (f"::ffff:{PROXY}", CLIENT, CLIENT),
    "a client on a socket for both": (f"::ffff:{CLIENT}", OTHER, CLIENT),
}


@pytest.fixture
def seen(settings):
    """`seen(…)` is the request as the views see it."""
    settings.TRUSTED_PROXIES = ["127.0.0.1", "::1", "10.0.0.0/8"]

    def seen(address, **headers):
        given = {name: value for name, value in headers.items() if value is not None}
        request = RequestFactory().get("/", REMOTE_ADDR=address, **given)
        return TrustedProxyMiddleware(lambda request: request)(request)

    return seen


@pytest.mark.parametrize(
    ("address", "forwarded_for", "client"), FORWARDED.values(), ids=FORWARDED.keys()
)
def test_the_client_is_the_last_address_that_no_proxy_of_ours_has(
    seen, address, forwarded_for, client
):
    request = seen(address, HTTP_X_FORWARDED_FOR=forwarded_for)

    assert request.META["REMOTE_ADDR"] == client


@pytest.mark.parametrize("address", [CLIENT, "nonsense"])
def test_a_stranger_cannot_claim_a_secure_connection(seen, address):
    request = seen(address, HTTP_X_FORWARDED_PROTO="https", HTTP_X_FORWARDED_HOST="evil.example")

    assert not request.is_secure()
    assert "HTTP_X_FORWARDED_HOST" not in request.META


@pytest.mark.parametrize("address", [PROXY, "127.0.0.1", ""])
def test_a_trusted_proxy_says_whether_the_connection_was_secure(seen, address):
    assert seen(address, HTTP_X_FORWARDED_PROTO="https").is_secure()
    assert not seen(address, HTTP_X_FORWARDED_PROTO="http").is_secure()

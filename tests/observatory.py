"""Mozilla's HTTP Observatory, as far as one answer of a site decides it: tests and points.

Rules: https://developer.mozilla.org/en-US/observatory/docs/tests_and_scoring, and where that
page leaves something open, the scanner's own table (github.com/mdn/mdn-http-observatory,
src/grader/charts.js and src/analyzer/tests/), read in November 2026. A site starts with 100
points; penalties are taken off; from 90 on bonuses are added. 100 and more is an A+.

Preloading (a bonus of 5) is a list that browsers ship with, and is left out.
"""

import re
from urllib.parse import urlsplit

HALF_A_YEAR = 15_768_000
BROAD = {"ftp:", "http:", "https:", "*", "http://*", "http://*.*", "https://*", "https://*.*"}
INLINE = {"'unsafe-inline'", "data:"}
PRIVATE_REFERRERS = {
    *("no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"),
}
GRADES = {
    100: "A+",
    90: "A",
    85: "A-",
    80: "B+",
    70: "B",
    65: "B-",
    60: "C+",
    50: "C",
    45: "C-",
    40: "D+",
    30: "D",
    25: "D-",
    0: "F",
}


def directives(policy):
    parts = [part.split() for part in policy.split(";") if part.strip()]
    return {name: set(sources) for name, *sources in parts}


def csp(response, cookies):
    if "Content-Security-Policy" not in response:
        return -25
    policy = directives(response["Content-Security-Policy"])
    default = policy.get("default-src", {"*"})
    script, style = policy.get("script-src", default), policy.get("style-src", default)
    objects = policy.get("object-src", default)
    every = set().union(*policy.values())
    if script & (BROAD | INLINE) or objects & BROAD:
        return -20
    if any(source.startswith(("http:", "ftp:")) for source in every):
        return -20
    if "'unsafe-eval'" in script | style:
        return -10
    if style & (BROAD | INLINE):
        return 0
    return 10 if default == {"'none'"} else 5


def cookie_flags(response, cookies):
    if not cookies:
        return 0
    for cookie in cookies:
        is_session = re.search("login|sess", cookie.key.lower())
        if not cookie["secure"]:
            return -10 if is_session else -5
        if is_session and not cookie["httponly"]:
            return -30
        if cookie["samesite"].lower() not in ("", "lax", "strict"):
            return -20
        if not cookie["samesite"]:
            return -20 if "csrf" in cookie.key.lower() else 0
    return 5


def cross_origin_sharing(response, cookies):
    is_open = response.get("Access-Control-Allow-Credentials", "").lower() == "true"
    return -50 if is_open and response.get("Access-Control-Allow-Origin") else 0


def referrer(response, cookies):
    policy = response.get("Referrer-Policy", "").rpartition(",")[2].strip()
    if not policy:
        return 0
    return 5 if policy in PRIVATE_REFERRERS else -5


def transport(response, cookies):
    found = re.match(r"max-age=(\d+)", response.get("Strict-Transport-Security", ""))
    if not found:
        return -20
    return 0 if int(found[1]) >= HALF_A_YEAR else -10


def integrity(response, cookies):
    """Scripts of our own need none; those from elsewhere cost."""
    if not response["Content-Type"].startswith("text/html"):
        return 0
    for source in re.findall(r'<script[^>]* src="([^"]*)"', response.content.decode()):
        if urlsplit(source).netloc:
            return -50 if source.startswith(("http:", "//")) else -5
    return 0


def sniffing(response, cookies):
    return 0 if response.get("X-Content-Type-Options") == "nosniff" else -5


def framing(response, cookies):
    ancestors = directives(response.get("Content-Security-Policy", "")).get("frame-ancestors")
    if ancestors and not ancestors & BROAD:
        return 5
    return 0 if response.get("X-Frame-Options") in ("DENY", "SAMEORIGIN") else -20


def resource_policy(response, cookies):
    policy = response.get("Cross-Origin-Resource-Policy")
    return {None: 0, "cross-origin": 0, "same-site": 10, "same-origin": 10}.get(policy, -5)


TESTS = (
    *(csp, cookie_flags, cross_origin_sharing, referrer, transport, integrity, sniffing),
    *(framing, resource_policy),
)


def redirection(response, host):
    """The answer to plain HTTP: it has to lead to HTTPS on the same host first."""
    if response.status_code not in (301, 302, 307, 308):
        return -20
    target = urlsplit(response["Location"])
    if target.scheme != "https":
        return -20
    return 0 if target.hostname == host else -5


def score(response, plain, host="testserver"):
    """Points of a site that answers `response` over HTTPS and `plain` over HTTP."""
    cookies = response.cookies.values()
    points = [test(response, cookies) for test in TESTS] + [redirection(plain, host)]
    total = 100 + sum(each for each in points if each < 0)
    if total >= 90:
        total += sum(each for each in points if each > 0)
    return max(0, total)


def grade(points):
    return next(name for least, name in GRADES.items() if points >= least)

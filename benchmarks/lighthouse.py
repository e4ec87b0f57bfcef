"""Lighthouse's view of the site on a telephone, where npm, a Chromium and Caddy are there.

Both the site and the page of text that it is compared with stand behind the proxy of
deploy/Caddyfile, each behind one of its own: TLS and HTTP/2, as patients meet them.
"""

import json
import os
import shutil
import signal
import subprocess
from contextlib import ExitStack, contextmanager, suppress

from . import pages, servers, weight
from .door import HOST, caddy, door, visit
from .measures import Result, limit, median

LIGHTHOUSE = "lighthouse@12.8.2"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
RUNS = 3
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
PAINT = 1.2
SECONDS = 180
# Chromium's own connection to Lighthouse breaks now and then.
TRIES = 3


def missing():
    """What this part needs and does not find, in words; "" when all is there."""
    if not shutil.which("npx"):
        return "npm is not installed"
    if not caddy():
        return "Caddy is not installed"
    return "" if _browser() else "no Chromium was found (set CHROMIUM=/path/to/it)"


def measure(folder, options, progress):
    progress.add(RUNS * (len(weight.PAGES) + 1))
    folder = folder / "lighthouse"
    with ExitStack() as stack:
        text = stack.enter_context(_text_behind_the_door(folder))
        address, looked_at = stack.enter_context(_site_behind_the_door(folder))
        seen = {name: [] for name, _ in looked_at}
        plain = []
        for _ in range(RUNS):
            plain.append(_look(text, folder))
            progress.step()
            for name, path in looked_at:
                seen[name].append(_look(address + path, folder))
                progress.step()
        return [each for name, runs in seen.items() for each in _results(name, runs, plain)]


@contextmanager
def _text_behind_the_door(folder):
    """The address of a page of plain text."""
    port = servers.free_port()
    folder.mkdir(parents=True, exist_ok=True)
    environment = servers.reference_environment()
    application = "benchmarks.reference_site:application"
    with (
        servers.serving(application, environment, folder, pages.BARE) as server,
        door(folder / "door", port, server.port),
    ):
        yield f"https://{HOST}:{port}{pages.BARE}"


@contextmanager
def _site_behind_the_door(folder):
    """The address of a site with its sample content, and (name, path) of what to look at."""
    port = servers.free_port()
    site = servers.Site(folder / "site", f"sqlite:///{folder}/site.sqlite3")
    # Search engines read whether a page calls itself by the address at which they found it.
    site.environment["SITE_URL"] = f"https://{HOST}:{port}"
    site.prepare()
    with (
        servers.serving("practice.wsgi:application", site.environment, folder, "/") as server,
        door(folder / "door", port, server.port),
    ):
        looked_at = servers.addresses(server, weight.PAGES)
        for _, path in looked_at:
            visit(port, path)  # Kept ready from then on, as for all but the first patient.
        yield f"https://{HOST}:{port}", looked_at


def _look(address, folder):
    """One run of Lighthouse: its figures by name, scores from 0 to 100."""
    report = folder / "report.json"
    command = [
        *("npx", "--yes", LIGHTHOUSE, address, "--quiet"),
        *("--output=json", f"--output-path={report}"),
        f"--only-categories={','.join(CATEGORIES)}",
        # The certificates are Caddy's own, and this Chromium visits nobody else.
        "--chrome-flags=--headless=new --no-sandbox --ignore-certificate-errors",
    ]
    environment = os.environ | {"CHROME_PATH": _browser()}
    for _ in range(TRIES):
        said = _run(command, environment)
        if said is None:
            break
    else:
        raise RuntimeError(f"Lighthouse failed {TRIES} times:\n{said[-1000:]}")
    found = json.loads(report.read_text())
    audits = found["audits"]
    return {
        **{name: 100 * found["categories"][name]["score"] for name in CATEGORIES},
        "lcp": audits["largest-contentful-paint"]["numericValue"],
        "tbt": audits["total-blocking-time"]["numericValue"],
        "cls": audits["cumulative-layout-shift"]["numericValue"],
    }


def _run(command, environment):
    """None when it worked; else what it said. Whatever it started ends with it."""
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=SECONDS)
        return said if process.returncode else None
    except subprocess.TimeoutExpired:
        return "It took too long."
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _results(name, runs, plain):
    def of(what):
        return median(each[what] for each in runs)

    scores = {category: of(category) for category in CATEGORIES}
    yield Result(
        "lighthouse",
        f"{name}: lowest of the scores",
        "of 100",
        [(min(scores.values()), 100)],
        "a perfect score",
        target=1,
        details=scores,
    )
    yield Result(
        "lighthouse",
        f"{name}: largest contentful paint",
        "ms",
        [(run["lcp"], text["lcp"]) for run, text in zip(runs, plain, strict=True)],
        "a page of plain text behind the same proxy",
        target=PAINT,
        is_ceiling=True,
    )
    yield limit("lighthouse", f"{name}: blocking time", "ms", of("tbt"), 1, note="0 is the aim")
    yield limit("lighthouse", f"{name}: layout shift", "", of("cls"), 0.001, note="0 is the aim")


def _browser():
    named = os.environ.get("CHROMIUM")
    return named or next((found for each in BROWSERS if (found := shutil.which(each))), "")

"""Lighthouse's view of the site on a telephone, where npm and a Chromium are there."""

import json
import os
import shutil
import signal
import subprocess
from contextlib import ExitStack, suppress

from . import pages, servers, weight
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
    return "" if _browser() else "no Chromium was found (set CHROMIUM=/path/to/it)"


def measure(folder, options, progress):
    progress.add(RUNS * (len(weight.PAGES) + 1))
    with ExitStack() as stack:
        site = servers.Site(folder / "lighthouse", f"sqlite:///{folder}/lighthouse.sqlite3")
        site.prepare()
        plain_site = stack.enter_context(
            servers.serving(
                "benchmarks.reference_site:application",
                servers.reference_environment(),
                site.folder,
                pages.BARE,
            )
        )
        server = stack.enter_context(
            servers.serving("practice.wsgi:application", site.environment, site.folder, "/")
        )
        looked_at = servers.addresses(server, weight.PAGES)
        seen = {name: [] for name, _ in looked_at}
        plain = []
        for _ in range(RUNS):
            plain.append(_look(plain_site, pages.BARE, site.folder))
            progress.step()
            for name, path in looked_at:
                seen[name].append(_look(server, path, site.folder))
                progress.step()
        return [each for name, runs in seen.items() for each in _results(name, runs, plain)]


def _look(server, path, folder):
    """One run of Lighthouse: its figures by name, scores from 0 to 100."""
    report = folder / "report.json"
    command = [
        *("npx", "--yes", LIGHTHOUSE, f"http://localhost:{server.port}{path}", "--quiet"),
        *("--output=json", f"--output-path={report}"),
        f"--only-categories={','.join(CATEGORIES)}",
        "--chrome-flags=--headless=new --no-sandbox",
        f"--extra-headers={json.dumps({'X-Forwarded-Proto': 'https'})}",
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
        **{name: _of_hundred(found["categories"][name]["score"]) for name in CATEGORIES},
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


def _of_hundred(score):
    """None where Lighthouse could not rate: robots.txt is refused without the TLS proxy."""
    return None if score is None else 100 * score


def _results(name, runs, plain):
    def of(what):
        return median(each[what] for each in runs)

    rated = [each for each in CATEGORIES if all(run[each] is not None for run in runs)]
    scores = {category: of(category) for category in rated}
    unrated = ", ".join(each for each in CATEGORIES if each not in rated)
    yield Result(
        "lighthouse",
        f"{name}: lowest of the scores",
        "of 100",
        [(min(scores.values()), 100)],
        "a perfect score",
        target=1,
        note=f"not rated without TLS: {unrated}" if unrated else "",
        details=scores,
    )
    yield Result(
        "lighthouse",
        f"{name}: largest contentful paint",
        "ms",
        [(run["lcp"], text["lcp"]) for run, text in zip(runs, plain, strict=True)],
        "a page of plain text from a server of the same kind",
        target=PAINT,
        is_ceiling=True,
    )
    yield limit("lighthouse", f"{name}: blocking time", "ms", of("tbt"), 1, note="0 is the aim")
    yield limit("lighthouse", f"{name}: layout shift", "", of("cls"), 0.001, note="0 is the aim")


def _browser():
    named = os.environ.get("CHROMIUM")
    return named or next((found for each in BROWSERS if (found := shutil.which(each))), "")

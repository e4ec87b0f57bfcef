"""The patient's form on PostgreSQL, beside a minimal ModelForm that asks the same."""

import json
import os
import sys
import uuid
from contextlib import ExitStack

import psycopg2

from . import servers
from .measures import Result, percentile

REFERENCE = "a minimal CSRF ModelForm view that stores one row"
TARGET, TAIL = 0.85, 1.5
# As many as the server has threads.
CONNECTIONS = 4
# Longer than the time below which a sender is suspected to be a program.
READING_SECONDS = 4
ANSWERS = {
    "website": "",
    "preferred_name": "Ada",
    "guardian_name": "",
    "guardian_relationship": "",
    "procedure": "",
    "surgeon": "",
    "message": "My nose is blocked on the left since an accident. What could be done about it?",
    "contact_method": "phone",
    "best_time": "any",
    "interpreter_language": "",
    "may_leave_voicemail": "on",
    "consent_health_data": "on",
}
STORED = {
    "site": ("/consultation/", "consultations_consultationrequest"),
    "reference": ("/form/", "reference_inquiry"),
}
KINDS = (("A request is sent", False), ("The form is opened, sent and confirmed", True))


def measure(folder, options, progress):
    progress.add(options.rounds * len(KINDS))
    with ExitStack() as stack:
        url = stack.enter_context(servers.postgresql(folder))
        urls = {"site": url("form_site"), "reference": url("form_reference")}
        site = servers.Site(folder / "form", urls["site"])
        site.prepare()
        reference = servers.reference_environment(urls["reference"])
        servers.run([sys.executable, "-m", "benchmarks.reference_site"], reference)
        applications = {
            "site": ("practice.wsgi:application", site.environment),
            "reference": ("benchmarks.reference_site:application", reference),
        }
        running = {
            who: stack.enter_context(servers.serving(*each, site.folder, STORED[who][0]))
            for who, each in applications.items()
        }
        results = []
        accepted = {who: [] for who in running}
        for name, whole_visits in KINDS:
            rounds = []
            for number in range(options.rounds):
                # Who comes first changes from round to round.
                order = sorted(running, reverse=number % 2)
                rounds.append(_round(order, running, options, whole_visits, accepted))
                progress.step()
            results += _results(name, rounds, whole_visits)
        results.append(_stored(urls, accepted))
        return results


def _round(order, running, options, whole_visits, accepted):
    seen = {}
    for who in order:
        asked = {
            "core": servers.cores()[1],
            "port": running[who].port,
            "host": servers.HOST,
            "path": STORED[who][0],
            "answers": ANSWERS,
            # One word, as a name is: a request is found by each word of its name.
            "prefix": f"Marker{uuid.uuid4().hex[:10]}",
            "connections": CONNECTIONS,
            "seconds": options.seconds,
            "whole_visits": whole_visits,
            "reading_seconds": 0 if options.quick else READING_SECONDS,
        }
        before = running[who].cpu_seconds()
        command = [sys.executable, "-m", "benchmarks.form_load", json.dumps(asked)]
        found = json.loads(servers.run(command, dict(os.environ)))
        if found["failures"]:
            raise RuntimeError(f"{who}: {found['failures'][0]}")
        found["cpu"] = (running[who].cpu_seconds() - before) / max(len(found["accepted"]), 1)
        accepted[who] += found.pop("accepted")
        seen[who] = found
    return seen


def _results(name, rounds, whole_visits):
    def pairs(measure):
        return [(measure(each["site"]), measure(each["reference"])) for each in rounds]

    def milliseconds(percent):
        return lambda seen: 1000 * percentile(seen["times"], percent)

    unit = "visits/s" if whole_visits else "accepted/s"
    yield Result(
        "form",
        name,
        unit,
        pairs(lambda seen: len(seen["times"]) / seen["seconds"]),
        REFERENCE,
        target=TARGET,
        details={"cpu_ms": pairs(lambda seen: 1000 * seen["cpu"])},
    )
    for percent, target in ((50, None), (99, TAIL)):
        yield Result(
            "form",
            f"{name}: {percent} of 100 are done within",
            "ms",
            pairs(milliseconds(percent)),
            REFERENCE,
            target=target,
            is_ceiling=True,
        )


def _stored(urls, accepted):
    """Every accepted marker is one row and every row was accepted, on both sides."""
    lost, doubled = {}, {}
    for who, url in urls.items():
        with psycopg2.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(
                f"SELECT full_name FROM {STORED[who][1]} WHERE full_name LIKE 'Ada Marker%'"  # noqa: S608
            )
            rows = [name.removeprefix("Ada ") for (name,) in cursor.fetchall()]
        lost[who] = len(set(accepted[who]) - set(rows))
        # One is in flight on each connection when time is up; its answer is waited for.
        doubled[who] = len(rows) - len(set(rows)) + len(set(rows) - set(accepted[who]))
    wrong = lost["site"] + doubled["site"]
    return Result(
        "form",
        "Rows lost or doubled, of those acknowledged",
        "rows",
        [(wrong, 1)],
        "one row too few or too many",
        target=0,
        is_ceiling=True,
        details={"accepted": {who: len(each) for who, each in accepted.items()}}
        | {"lost": lost, "doubled": doubled},
    )

"""Pages of a full site beside the same pages of a small one, on PostgreSQL.

Filling a million takes about four minutes alone on two cores, and everything about eight.
"""

import json
import subprocess
import sys
import time
from contextlib import ExitStack, closing, contextmanager

import psycopg2

from . import servers
from .measures import Result

TARGET = 1.5
FEW_REQUESTS, MANY_REQUESTS = 1_000, 1_000_000
FEW_PROCEDURES, MANY_PROCEDURES = 10, 1_000
QUICK_REQUESTS = 5_000
SEED = 1


def measure(folder, options, progress):
    many = options.count or (QUICK_REQUESTS if options.quick else MANY_REQUESTS)
    with ExitStack() as stack:
        url = stack.enter_context(servers.postgresql(folder))
        sites = {}
        for name in ("inbox_small", "inbox_full", "content_small", "content_full"):
            sites[name] = servers.Site(folder / name, url(name))
            sites[name].prepare(with_static=name == "inbox_small")
            sites[name].environment["BENCH_STATIC_ROOT"] = sites["inbox_small"].environment[
                "BENCH_STATIC_ROOT"
            ]
        _fill(sites["inbox_small"], FEW_REQUESTS)
        with _few_checkpoints(sites["inbox_full"]):
            filled = _fill(sites["inbox_full"], many)
        few, full = f"with {FEW_REQUESTS:,} requests", f"with {many:,} requests"
        results = _compare("inbox", sites, (FEW_REQUESTS, many), few, full, options, progress)
        results[0].details["filled_in_seconds"] = filled
        few = f"with {FEW_PROCEDURES:,} procedures"
        full = f"with {MANY_PROCEDURES:,} procedures"
        numbers = (FEW_PROCEDURES, MANY_PROCEDURES)
        results += _compare("content", sites, numbers, few, full, options, progress)
        return [*results, _scans(results)]


def _fill(site, number):
    started = time.monotonic()
    site.manage("load_sample_requests", f"--count={number}", f"--seed={SEED}")
    return time.monotonic() - started


@contextmanager
def _few_checkpoints(site):
    """What PostgreSQL advises while much is loaded; each would write most pages out again.
    Pages are measured with its defaults, as everything is."""
    with closing(psycopg2.connect(site.environment["DATABASE_URL"])) as database:
        database.autocommit = True
        cursor = database.cursor()
        try:
            cursor.execute("ALTER SYSTEM SET max_wal_size = '8GB'")
            cursor.execute("ALTER SYSTEM SET checkpoint_timeout = '1h'")
            cursor.execute("SELECT pg_reload_conf()")
            yield
        finally:
            cursor.execute("ALTER SYSTEM RESET max_wal_size")
            cursor.execute("ALTER SYSTEM RESET checkpoint_timeout")
            cursor.execute("SELECT pg_reload_conf()")
            cursor.execute("CHECKPOINT")


def _scans(results):
    """The line that fails when a page of the full site reads a growing table to its end."""
    number = sum(len(line.details["sequential"]) for line in results)
    return Result(
        "growth",
        "Plans that read the requests, or what belongs to them, from end to end",
        "plans",
        [(number, 1)],
        "one",
        target=0,
        is_ceiling=True,
    )


def _compare(kind, sites, numbers, few, full, options, progress):
    with ExitStack() as stack:
        small, large = (
            stack.enter_context(_probe(sites[f"{kind}_{size}"], kind, number))
            for size, number in zip(("small", "full"), numbers, strict=True)
        )
        names = small("names")
        progress.add(options.rounds * len(names))
        rounds = {name: [] for name in names}
        for probe in (small, large):
            for name in names:  # What is compiled or cached once is not counted.
                probe("time", name=name)
        for _ in range(options.rounds):
            for name in names:
                pair = (large("time", name=name), small("time", name=name))
                rounds[name].append(pair)
                progress.step()
        return [
            _result(name, rounds[name], large("queries", name=name), few, full) for name in names
        ]


def _result(name, pairs, plans, few, full):
    sizes = {"bytes": [each["bytes"] for each in pairs[-1]]}
    rows = [each["rows"] for each in pairs[-1]]
    return Result(
        "growth",
        f"{name}, {full}",
        "ms",
        [(large["ms"], small["ms"]) for large, small in pairs],
        f"the same page {few}",
        target=TARGET,
        is_ceiling=True,
        note=f"{rows[0]} rows on the page, {rows[1]} on the small one" if any(rows) else "",
        details=sizes | plans,
    )


@contextmanager
def _probe(site, kind, number):
    """`ask(do, **how)` of a growth_probe that runs beside this program."""
    command = [sys.executable, "-m", "benchmarks.growth_probe", kind, str(number)]
    process = subprocess.Popen(
        command,
        cwd=servers.ROOT,
        env=site.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def ask(do, **how):
        process.stdin.write(json.dumps({"do": do, **how}) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"The probe of {kind} ended at {do} {how}.")
        return json.loads(line)

    try:
        yield ask
    finally:
        process.stdin.close()
        process.wait()

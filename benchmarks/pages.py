"""Public pages, warm and cold, beside a bare Django view under the same server."""

from contextlib import ExitStack

from . import servers
from .measures import Result

# (name, path)
PAGES = (
    ("Home page", "/"),
    ("Procedure page", "/procedures/rhinoplasty/"),
    ("Surgeon page", "/surgeons/{surgeon}/"),
)
BARE = "/bare/"
AS_BROWSERS = {"Accept-Encoding": "br, gzip", "Accept": "text/html"}
OURS = "practice.wsgi:application"
# What is measured of each page: (words, what gunicorn serves, with queries of its own, target)
KINDS = (
    ("warm", OURS, False, 1.0),
    ("with a query that nobody has asked before", OURS, True, 0.4),
    ("after a change elsewhere", "benchmarks.cold:after_a_change_elsewhere", False, 0.4),
    ("made anew", "benchmarks.cold:made_anew", False, 0.4),
)
REFERENCE = "a bare Django view without middleware"


def measure(folder, options, progress):
    """Results for each database; `options` has `rounds` and `seconds` of each measurement."""
    results = []
    with ExitStack() as stack:
        kinds = [("SQLite", f"sqlite:///{folder}/pages.sqlite3", None)]
        if not options.quick:
            url = stack.enter_context(servers.postgresql(folder))
            kinds.append(("PostgreSQL", url("pages"), stack.enter_context(servers.redis(folder))))
        progress.add(len(kinds) * options.rounds * (len(PAGES) + 1))
        for name, database, cache in kinds:
            name += " and Redis" if cache else ""
            site = servers.Site(folder / f"pages-{name[:4]}", database, cache)
            site.prepare()
            results += _on(name, site, options, progress)
    return results


def _on(database, site, options, progress):
    with ExitStack() as stack:
        environment = servers.reference_environment()
        application = "benchmarks.reference_site:application"
        bare = stack.enter_context(servers.serving(application, environment, site.folder, BARE))
        served = {
            each: stack.enter_context(servers.serving(each, site.environment, site.folder, "/"))
            for each in dict.fromkeys(application for _, application, _, _ in KINDS)
        }
        ours = served[OURS]
        pages = servers.addresses(ours, PAGES)
        rounds = {}
        for _ in range(options.rounds):
            reference = bare.load(BARE, options.seconds)
            progress.step()
            for name, path in pages:
                for kind, application, has_query, _ in KINDS:
                    seen = served[application].load(
                        path, options.seconds, headers=_headers(), is_cold=has_query
                    )
                    if set(seen["statuses"]) != {"200"}:
                        raise RuntimeError(f"{path} answered {seen['statuses']}")
                    rounds.setdefault((name, kind), []).append((seen, reference))
                progress.step()
        targets = {kind: target for kind, _, _, target in KINDS}
        return [
            _speed(f"{name}, {kind}, {database}", targets[kind], pairs)
            for (name, kind), pairs in rounds.items()
        ]


def _headers():
    return {name.replace("-", "_"): value for name, value in AS_BROWSERS.items()}


def _speed(name, target, pairs):
    return Result(
        "pages",
        name,
        "requests/s",
        [(ours["per_second"], bare["per_second"]) for ours, bare in pairs],
        REFERENCE,
        target=target,
        details={
            "cpu_ms_per_request": [1000 * ours["cpu_seconds"] for ours, _ in pairs],
            "reference_cpu_ms_per_request": [1000 * bare["cpu_seconds"] for _, bare in pairs],
            "p99_ms": [1000 * ours["p99"] for ours, _ in pairs],
            "bytes": pairs[-1][0]["bytes"],
            "client_busy": max(seen["client_busy"] for pair in pairs for seen in pair),
        },
    )

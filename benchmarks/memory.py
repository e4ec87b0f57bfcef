"""What a worker holds in memory: the code of a whole site, the kept pages, what is shared."""

import re
from contextlib import ExitStack

import psutil

from . import servers
from .measures import Result

PROCEDURES = 200  # So that the kept pages weigh enough to be seen beside the code.
CEILING = 1.15
PROCESSES = 4
BARE_SITE, BARE = "benchmarks.reference_site:application", "/bare/"
WITHOUT_PAGES = "django.core.wsgi:get_wsgi_application()"  # Django's handler alone.
WITH_PAGES = "practice.wsgi:application"
SHARING = ("--config=gunicorn.conf.py", f"--workers={PROCESSES}")
ENCODINGS = ("br", "gzip", "identity")
# As the Dockerfile and the unit of systemd have it, for both sides.
AS_SHIPPED = {"MALLOC_TRIM_THRESHOLD_": "131072"}
LOCATION = re.compile(rb"<loc>https://[^/<]+([^<]*)</loc>")
ADD = """
from procedures.models import Procedure
for place in range({}):
    page = Procedure.objects.published().first()
    page.pk, page.name, page.slug = None, f"Invented operation {{place}}", f"invented-{{place}}"
    page.save(force_insert=True)
"""


def measure(folder, options, progress):
    """One look after the same visits to each server: memory does not waver as seconds do."""
    progress.add(4)
    site = _site(folder, 20 if options.quick else PROCEDURES)
    with ExitStack() as stack:

        def started(application, environment, path, options=()):
            made = servers.serving(
                application, environment | AS_SHIPPED, site.folder, path, options
            )
            progress.step()
            return stack.enter_context(made)

        bare = started(BARE_SITE, servers.reference_environment(), BARE)
        for _ in range(100):
            bare.ask(BARE)
        django = started(WITHOUT_PAGES, site.environment, "/")
        paths = [path.decode() for path in LOCATION.findall(django.ask("/sitemap.xml").body)]
        _visit(django, paths)
        keeping = started(WITH_PAGES, site.environment, "/")
        _visit(keeping, paths)
        kept = _visit(keeping, paths)  # By now each page is compressed as far as it goes.
        sharing = started(WITH_PAGES, site.environment, "/", SHARING)
        for _ in range(PROCESSES):
            _visit(sharing, paths)
        return _lines(
            resident={"bare": _resident(bare), "none": _resident(django)},
            beside_pages=_resident(keeping) - kept,
            pages=f"{len(paths)} pages kept, less the {kept / 1e6:.1f} MB they are",
            share={"of four": _share(sharing), "alone": _share(keeping)},
        )


def _site(folder, procedures):
    site = servers.Site(folder / "memory", f"sqlite:///{folder}/memory.sqlite3")
    site.prepare()
    site.manage("shell", "--command", ADD.format(procedures))
    return site


def _lines(resident, beside_pages, pages, share):
    return [
        _line(
            "A worker of the whole site that keeps no page",
            (resident["none"], resident["bare"]),
            "a worker with a bare Django view",
            note="the site's code and libraries",
        ),
        _line(
            f"The same with {pages}",
            (beside_pages, resident["none"]),
            "the worker that keeps no page",
            target=CEILING,
            is_ceiling=True,
        ),
        _line(
            f"Each of {PROCESSES} workers that share what was imported",
            (share["of four"], share["alone"]),
            "one that shares nothing",
            note="a quarter of what all share counts for each",
        ),
    ]


def _visit(server, paths):
    """Asks for every page as every browser would; the bytes of all answers."""
    return sum(
        len(server.ask(path, Accept_Encoding=encoding).body)
        for path in paths
        for encoding in ENCODINGS
    )


def _line(name, sizes, reference, **more):
    rounds = [tuple(size / 1e6 for size in sizes)]
    return Result("memory", name, "MB", rounds, reference, **more)


def _resident(server):
    """Bytes of a worker that lie in memory, shared ones included; the mean of all workers."""
    return _mean(worker.memory_info().rss for worker in _workers(server))


def _share(server):
    """Bytes, where those that N processes share count as an Nth."""
    full = [worker.memory_full_info() for worker in _workers(server)]
    return _mean(getattr(each, "pss", 0) or each.rss for each in full)


def _workers(server):
    return psutil.Process(server.process.pid).children()


def _mean(values):
    values = list(values)
    return sum(values) / len(values)

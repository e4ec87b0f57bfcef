"""For load balancers and monitors: is the process up, and is it able to serve?"""

import pkgutil
from datetime import timedelta
from functools import cache
from importlib import import_module
from importlib.util import find_spec

from django.apps import apps
from django.conf import settings
from django.core.cache import caches
from django.core.files.storage import storages
from django.db import Error as AnyDatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from post_office.models import STATUS, Email

from ..backups import files, settling
from ..backups.record import BACKUP
from ..media import stored_files
from ..models import JobRun

HEARTBEAT = "worker"
SELF_TEST = "self test"  # The job that sends a request through the real form every day.
WORKER_SILENT_AFTER = timedelta(minutes=2)
MAIL_LATE_AFTER = timedelta(minutes=15)
SELF_TEST_LATE_AFTER = timedelta(hours=26)


@never_cache
@require_safe
def process_is_up(request):
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def ready(request):
    """200 with each check's state as JSON, or 503 when any of them fails."""
    found = checks()
    is_ready = is_well(found)
    return JsonResponse({"ready": is_ready, **found}, status=200 if is_ready else 503)


def checks():
    """{what was looked at: “ok”, or what is the matter with it}."""
    try:
        return {
            "database": "ok",
            "migrations": _migrations(),
            "media": _media(),
            "cache": _cache(),
            "worker": worker(),
            "mail": mail(),
            "self_test": self_test(),
            "backup": backup(),
        }
    except AnyDatabaseError:
        return {"database": "cannot be reached"}


def is_well(found) -> bool:
    return all(state == "ok" for state in found.values())


def _migrations():
    # To plan what is left, every migration is read, which takes 6 MB of this process for good.
    if _names_of_migrations() <= MigrationRecorder(connection).applied_migrations().keys():
        return "ok"
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(pending)} not applied" if pending else "ok"


@cache
def _names_of_migrations():
    """{(app, name)} of the migrations that this code has."""
    found = set()
    for app in apps.app_configs:
        module, _ = MigrationLoader.migrations_module(app)
        if module and find_spec(module):
            places = import_module(module).__path__
            names = (each.name for each in pkgutil.iter_modules(places) if not each.ispkg)
            found |= {(app, name) for name in names if name[0] not in "_~"}
    return found


def _media():
    """Whether pictures and photographs can be stored, and belong to the rows."""
    if settling.is_between(files.stores()):
        return settling.CUT_OFF
    troubles = (stored_files.trouble(storages[alias], alias) for alias in ("default", "private"))
    return next(filter(None, troubles), "ok")


def _cache():
    """“ok”, or what is the matter with Redis, where there is one."""
    trouble = getattr(caches["default"], "trouble", None)
    return (trouble and trouble()) or "ok"


def worker():
    """“ok”, or what is the matter with the background worker."""
    beat = JobRun.objects.filter(job=HEARTBEAT).values_list("started_at", flat=True).first()
    if beat is None:
        return "never started"
    silent = timezone.now() - beat
    if silent > WORKER_SILENT_AFTER:
        return f"silent for {int(silent.total_seconds())} s"
    return "ok"


def mail():
    """“ok”, or how many mails wait for too long."""
    limit = timezone.now() - MAIL_LATE_AFTER
    waiting = Email.objects.filter(
        status__in=(STATUS.queued, STATUS.requeued), created__lt=limit
    ).count()
    return f"{waiting} waiting for more than 15 minutes" if waiting else "ok"


def self_test():
    """“ok”, or how the daily request fared. A fresh site that never tried is well."""
    if not settings.SELF_TEST:
        return "ok"
    run = JobRun.objects.filter(job=SELF_TEST).first()
    if run is None or run.started_at is None:
        return "ok"
    if run.failures:
        return f"failed {run.failures} time{'s'[: run.failures != 1]} in a row"
    age = timezone.now() - (run.succeeded_at or run.started_at)
    if age > SELF_TEST_LATE_AFTER:
        return f"last passed {int(age.total_seconds() // 3600)} h ago"
    return "ok"


def backup():
    """“ok”, or how old the last good backup is, where BACKUP_EVERY_HOURS expects another."""
    run = JobRun.objects.filter(job=BACKUP.name).first()
    due_at = BACKUP.rule.next_due(run)
    if due_at is None or timezone.now() <= due_at:
        return "ok"
    if run.succeeded_at is None:
        return "none was made yet"
    age = timezone.now() - run.succeeded_at
    return f"the last good one is {int(age.total_seconds() // 3600)} h old"


def jobs():
    """“ok”, or which background jobs failed, are late or were cut off."""
    bad = [run.job for run in JobRun.objects.order_by("job") if run.state()[1] == "bad"]
    return ", ".join(bad) or "ok"

"""For load balancers and monitors: is the process up, and is it able to serve?"""

import os
from datetime import timedelta
from pathlib import Path

from django.core.files.storage import storages
from django.db import Error as AnyDatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from post_office.models import STATUS, Email

from .models import JobRun

HEARTBEAT = "worker"
WORKER_SILENT_AFTER = timedelta(minutes=2)
MAIL_LATE_AFTER = timedelta(minutes=15)


@never_cache
@require_safe
def process_is_up(request):
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def ready(request):
    """200 with each check's state as JSON, or 503 when any of them fails."""
    try:
        checks = {
            "database": "ok",
            "migrations": _migrations(),
            "media": _media(),
            "worker": worker(),
            "mail": mail(),
        }
    except AnyDatabaseError:
        checks = {"database": "cannot be reached"}
    is_ready = all(state == "ok" for state in checks.values())
    return JsonResponse({"ready": is_ready, **checks}, status=200 if is_ready else 503)


def _migrations():
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(pending)} not applied" if pending else "ok"


def _media():
    """Whether files can be written, where the storage is a folder of this machine."""
    for alias in ("default", "private"):
        folder = getattr(storages[alias], "location", None)
        if folder is None:
            continue
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError:
            return f"the {alias} folder cannot be made"
        if not os.access(folder, os.W_OK):
            return f"the {alias} folder cannot be written"
    return "ok"


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

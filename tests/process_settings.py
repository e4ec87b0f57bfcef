"""Settings of the processes that tests start and kill: those of production.

One difference: `collectstatic` need not have run.
"""

from practice.settings import *  # noqa: F403
from practice.settings import DATABASES, STORAGES

STORAGES = STORAGES | {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file that is open stays usable when it is moved away, so it would never be “gone”.
    DATABASES["default"]["CONN_MAX_AGE"] = 0

"""Settings of the processes that tests start and kill: those of production.

Two differences: `collectstatic` need not have run, and a mail that failed is tried again
after seconds instead of minutes.
"""

from datetime import timedelta

from practice.settings import *  # noqa: F403
from practice.settings import DATABASES, POST_OFFICE, STORAGES

STORAGES = STORAGES | {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
}
POST_OFFICE = POST_OFFICE | {"RETRY_INTERVAL": timedelta(seconds=2)}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file that is open stays usable when it is moved away, so it would never be “gone”.
    DATABASES["default"]["CONN_MAX_AGE"] = 0

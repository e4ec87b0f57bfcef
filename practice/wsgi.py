"""The WSGI application that gunicorn serves."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "practice.settings")
application = get_wsgi_application()
if not settings.DEBUG:  # There a changed template shows at once.
    from practice.page_cache import PageCache

    application = PageCache(application)

"""The WSGI application that gunicorn serves."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.template import engines
from django.urls import resolve

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "practice.settings")
application = get_wsgi_application()
# Django reads these for the first visitor. Here, gunicorn's processes share them by fork.
engines.all()
resolve("/")
if not settings.DEBUG:  # There a changed template shows at once.
    from practice.page_cache import PageCache

    application = PageCache(application)

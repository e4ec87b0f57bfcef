"""The site as it answers when what it has kept can help least: applications for gunicorn.

What they change of the site, they change for the measurement only.
"""

import itertools
import threading

from practice.wsgi import application  # Before the rest: it sets Django up.

# isort: split
from practice.caching import edition
from practice.page_cache import Shelf

_numbers = itertools.count(10**16)  # More than any number that the database may hold.
_here = threading.local()


def after_a_change_elsewhere(environ, start_response):
    """Something that this page does not show was changed just before each request."""
    _here.edition = edition._read()._replace(version=next(_numbers))
    edition.current = lambda: _here.edition
    return application(environ, start_response)


def made_anew(environ, start_response):
    """Nobody has ever asked for the page, or it was itself changed just before.

    Its best compression, which is done once when the reader has the page, is left out.
    """
    application.pages = Shelf()
    application.shared._release = None
    application._improve = lambda address, present: None
    return application(environ, start_response)

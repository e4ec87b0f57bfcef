"""Brings rows and files together again after a restore that was cut off, at whatever moment.

Either its rows were committed, then its files stay and those of before go; or they were not,
then the files of before come back. The restore does this before it begins, and when it fails;
the worker does it where nobody runs the restore again.
"""

from contextlib import ExitStack, contextmanager

from django.db import connection, transaction

from practice.operations.background import JobFailed

from . import BackupError, files, marks

CUT_OFF = "a restore was cut off: the worker puts its files in order"


@contextmanager
def alone(stores):
    """Nobody else restores or settles meanwhile. BackupError when somebody does."""
    with ExitStack() as held:
        for store in stores.values():
            held.enter_context(store.held())
        held.enter_context(marks.alone())
        yield


def settle(stores):
    """Whether the rows of the last restore are in place. Call it while `alone`.

    May be cut off at any step, and begun anew. Raises OSError when files cannot be moved.
    """
    if connection.connection is not None and not connection.is_usable():
        connection.close()  # Lost on the way; there may be another by now.
    with marks.alone(), transaction.atomic():
        is_in_place = marks.is_made()
        for store in stores.values():
            store.finish() if is_in_place else store.undo()
        marks.remove()
    return is_in_place


def clean(stores):
    """Deletes the files that nobody needs any more once it is settled. Raises OSError."""
    for store in stores.values():
        store.clean()


def is_between(stores):
    """Whether rows and files do not belong together, until somebody settles it."""
    return any(store.is_between() for store in stores.values()) and not marks.is_made()


def clear_up():
    """What the worker does every minute: almost always nothing."""
    stores = files.stores()
    if not marks.is_made() and not any(store.has_left_overs() for store in stores.values()):
        return
    try:
        with alone(stores):
            settle(stores)
            clean(stores)
    except BackupError:
        return  # A restore is at work.
    except OSError as error:
        raise JobFailed(
            "Files that a restore left could not be put in order or deleted: "
            f"{error.filename or 'object storage'}: {error.strerror or error}."
        ) from None

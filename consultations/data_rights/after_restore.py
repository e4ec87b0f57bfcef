"""What a restored database still owes to people whom the lost one had erased.

A backup is older than the database that it replaces. Whoever was erased in between would be
back; their receipts name nobody, but a digest of the reference finds them again.

It is paid before anybody sees the restored rows, in the state of this version: there is no
moment in which somebody who was erased is back.
"""

import hashlib
import logging
from dataclasses import dataclass, field

from django.contrib.contenttypes.models import ContentType
from django.db import Error as AnyDatabaseError
from django.db import connection

from practice.backups import BackupError
from practice.operations.background import DATABASE_AWAY

from .. import privacy
from ..models import ConsultationRequest, ErasureReceipt, Photo

# The columns of the first version: the table that is replaced may be older than its model.
COLUMNS = ("reference_digest", "erased_at", "reason", "counts", "by_name")
CANNOT_BE_READ = (
    "The database here does not tell who was erased since the backup was made: it is damaged or "
    "does not answer, and they would be back. Nothing was changed. If it cannot be mended, restore "
    "into an empty database, and erase them by hand before you open the site."
)

logger = logging.getLogger(__name__)


@dataclass
class ErasedAgain:
    """How many went, the references of those that a legal hold has kept, and (storage alias,
    name) of the files that belonged to those that went."""

    number: int = 0
    held: list = field(default_factory=list)
    files: list = field(default_factory=list)


def receipts():
    """Those of the database that is about to be replaced, as dicts; none without its tables."""
    try:
        if ErasureReceipt._meta.db_table not in connection.introspection.table_names():
            return []
        return list(ErasureReceipt.objects.values(*COLUMNS))
    except AnyDatabaseError:
        raise BackupError(CANNOT_BE_READ) from None


def pay(receipts):
    """Adds the receipts that the restored database has not, and erases whoever has one.

    Raises BackupError when one cannot be erased: then nobody may see the restored rows.
    """
    ContentType.objects.clear_cache()  # The restored ones may have other numbers.
    _keep(receipts)
    return _erase_again()


def _keep(receipts):
    here = set(ErasureReceipt.objects.values_list("reference_digest", "erased_at"))
    ErasureReceipt.objects.bulk_create(
        ErasureReceipt(**each)
        for each in receipts
        if (each["reference_digest"], each["erased_at"]) not in here
    )


def _erase_again():
    result, failed = ErasedAgain(), []
    erased = {receipt.reference_digest: receipt for receipt in ErasureReceipt.objects.all()}
    if not erased:
        return result
    for pk, reference in ConsultationRequest.objects.values_list("pk", "reference"):
        receipt = erased.get(hashlib.sha256(reference.encode()).hexdigest())
        if receipt is None:
            continue
        request = ConsultationRequest.objects.defer("message").get(pk=pk)
        names = list(Photo.objects.filter(request=pk).values_list("stored_as", flat=True))
        try:
            privacy.erase(request, reason=receipt.reason, by=receipt.by_name)
        except privacy.Held:
            result.held.append(reference)
        except DATABASE_AWAY:
            raise
        except Exception:
            logger.exception("A request that had been erased could not be erased again.")
            failed.append(reference)
        else:
            result.number += 1
            result.files += [("private", name) for name in names]
    if failed:
        raise BackupError(
            f"Could not be erased again, though erased since the backup: {', '.join(failed)}. The "
            "log says why. docs/backup.md, “When somebody cannot be erased again”, says what to do."
        )
    return result

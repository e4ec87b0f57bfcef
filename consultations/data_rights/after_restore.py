"""What a restored database still owes to people whom the lost one had erased.

A backup is older than the database that it replaces. Whoever was erased in between would be
back; their receipts name nobody, but a digest of the reference finds them again.

The receipts are committed together with the restored rows: whatever cuts a restore off after
that, the next one finds them, and erases again who is back.
"""

import hashlib
import logging
from dataclasses import dataclass, field

from django.db import DatabaseError, connection, transaction

from practice.backups import tables
from practice.operations.background import DATABASE_AWAY

from .. import privacy
from ..models import ConsultationRequest, ErasureReceipt

# The columns of the first version: before and after, the table may be older than its model.
COLUMNS = ("reference_digest", "erased_at", "reason", "counts", "by_name")

logger = logging.getLogger(__name__)


@dataclass
class ErasedAgain:
    """How many went, and the references of those that a legal hold or an error has kept."""

    number: int = 0
    held: list = field(default_factory=list)
    failed: list = field(default_factory=list)


def receipts():
    """Those of the database that is about to be replaced, as dicts; none without its tables."""
    try:
        with transaction.atomic():
            return list(ErasureReceipt.objects.values(*COLUMNS))
    except DatabaseError:
        return []


def keep(receipts):
    """Adds those that the restored database has not. Belongs into the restore's transaction."""
    if not receipts:
        return
    rows = tables.models_of(connection).get_model("consultations", "ErasureReceipt").objects
    here = set(rows.values_list("reference_digest", "erased_at"))
    rows.bulk_create(
        rows.model(**each)
        for each in receipts
        if (each["reference_digest"], each["erased_at"]) not in here
    )


def erase_again():
    """Erases the restored requests that have a receipt. One that fails keeps no other."""
    result = ErasedAgain()
    erased = {receipt.reference_digest: receipt for receipt in ErasureReceipt.objects.all()}
    if not erased:
        return result
    for pk, reference in ConsultationRequest.objects.values_list("pk", "reference"):
        receipt = erased.get(hashlib.sha256(reference.encode()).hexdigest())
        if receipt is None:
            continue
        request = ConsultationRequest.objects.defer("message").get(pk=pk)
        try:
            privacy.erase(request, reason=receipt.reason, by=receipt.by_name)
        except privacy.Held:
            result.held.append(reference)
        except DATABASE_AWAY:
            raise
        except Exception:
            logger.exception("A request that had been erased could not be erased again.")
            result.failed.append(reference)
        else:
            result.number += 1
    return result

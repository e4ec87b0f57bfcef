"""What a restored database still owes to people whom the lost one had erased.

A backup is older than the database that it replaces. Whoever was erased in between would be
back; their receipts name nobody, but a digest of the reference finds them again.
"""

import hashlib

from django.db import DatabaseError, transaction

from . import privacy
from .models import ConsultationRequest, ErasureReceipt


def receipts():
    """The receipts of the database that is about to be replaced; none when it has no tables."""
    try:
        with transaction.atomic():
            return list(ErasureReceipt.objects.all())
    except DatabaseError:
        return []


def erase_again(receipts):
    """Erases the restored requests that have a receipt, and keeps the receipts.

    Returns how many were erased, and the references of those under a legal hold, which stay.
    """
    erased = {receipt.reference_digest: receipt for receipt in receipts}
    number, held = 0, []
    if not erased:
        return number, held
    for pk, reference in ConsultationRequest.objects.values_list("pk", "reference"):
        receipt = erased.get(hashlib.sha256(reference.encode()).hexdigest())
        if receipt is None:
            continue
        request = ConsultationRequest.objects.defer("message").get(pk=pk)
        try:
            privacy.erase(request, reason=receipt.reason, by=receipt.by_name)
        except privacy.Held:
            held.append(reference)
        else:
            number += 1
    _keep(receipts)
    return number, held


def _keep(receipts):
    here = set(ErasureReceipt.objects.values_list("reference_digest", flat=True))
    for receipt in receipts:
        if receipt.reference_digest not in here:
            receipt.pk = None
            receipt.save(force_insert=True)

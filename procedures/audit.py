"""Procedure pages and their parts leave a record of who changed what, word for word."""

from auditlog.registry import auditlog

from practice.audit import DERIVED

from .models import (
    BeforeAfterCase,
    Category,
    DiagramPart,
    Faq,
    Performance,
    Procedure,
    RecoveryMilestone,
    Source,
)


def register():
    auditlog.register(Procedure, exclude_fields=list(DERIVED), m2m_fields={"related"})
    for model in (
        BeforeAfterCase,
        Category,
        DiagramPart,
        Faq,
        Performance,
        RecoveryMilestone,
        Source,
    ):
        auditlog.register(model)

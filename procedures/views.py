"""The pages about what we do."""

from django.shortcuts import render
from django.views.decorators.http import require_safe

from practice.context_processors import with_frame
from practice.models import Surgeon
from practice.page_cache import same_for_everyone
from practice.preview import previewable

from . import editorial
from .models import (
    BeforeAfterCase,
    Category,
    DiagramPart,
    Faq,
    Procedure,
    RecoveryMilestone,
    Source,
)
from .structured_data import of_procedure


@same_for_everyone
@require_safe
def procedure_list(request):
    shown = with_frame(**Category.with_procedures())
    categories = Category.grouped(**shown)
    return render(request, "procedures/procedure_list.html", shown | {"categories": categories})


@same_for_everyone
@require_safe
@previewable(Procedure)
def procedure(request, slug):
    shown = with_frame(**page(slug))
    procedure = Procedure.live_one_of(shown["procedure"])
    procedure.category = shown["category"][0]
    sections = [(name, heading, getattr(procedure, name)) for name, heading in editorial.SECTIONS]
    return render(
        request,
        "procedures/procedure.html",
        shown
        | {
            "procedure": procedure,
            "structured_data": of_procedure(procedure, shown["faqs"]),
            "sections": {
                name: {"heading": heading, "text": text} for name, heading, text in sections if text
            },
        },
    )


def page(slug):
    """Every row that a procedure's page shows."""
    return {
        "procedure": Procedure.objects.filter(slug=slug),
        "category": Category.objects.filter(procedures__slug=slug),
        "faqs": Faq.objects.filter(procedure__slug=slug),
        "milestones": RecoveryMilestone.objects.filter(procedure__slug=slug),
        "sources": Source.objects.filter(procedure__slug=slug),
        "diagram_parts": DiagramPart.objects.filter(procedure__slug=slug),
        "cases": BeforeAfterCase.objects.visible().filter(procedure__slug=slug),
        "surgeons": Surgeon.objects.published()
        .filter(performances__procedure__slug=slug)
        .order_by("performances__position", "performances__pk"),
        "related": Procedure.objects.published().filter(related__slug=slug),
    }

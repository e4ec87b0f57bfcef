"""The pages about what we do."""

from django.shortcuts import render
from django.views.decorators.http import require_safe

from practice.caching import edition
from practice.context_processors import WithFrame
from practice.editing.preview import previewable
from practice.models import Surgeon
from practice.page_cache import same_for_everyone
from practice.sql.one_query import NOW, SLUG, TODAY

from . import editorial, lists
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


@same_for_everyone(reads=["page"])
@require_safe
def procedure_list(request):
    shown = lists.shown(request.GET.get("page"))
    return render(request, "procedures/procedure_list.html", shown)


@WithFrame
def rows_of_page():
    """Every row that a procedure's page shows."""
    return {
        "procedure": Procedure.objects.filter(slug=SLUG),
        "category": Category.objects.filter(procedures__slug=SLUG),
        "faqs": Faq.objects.filter(procedure__slug=SLUG),
        "milestones": RecoveryMilestone.objects.filter(procedure__slug=SLUG),
        "sources": Source.objects.filter(procedure__slug=SLUG),
        "diagram_parts": DiagramPart.objects.filter(procedure__slug=SLUG),
        "cases": BeforeAfterCase.objects.visible(TODAY).filter(procedure__slug=SLUG),
        "surgeons": Surgeon.objects.published(NOW)
        .only(*Surgeon.IN_LISTS)
        .filter(performances__procedure__slug=SLUG)
        .order_by("performances__position", "performances__pk"),
        "related": Procedure.objects.published(NOW)
        .only(*Procedure.IN_LISTS)
        .filter(related__slug=SLUG),
    }


@same_for_everyone
@require_safe
@previewable(Procedure)
def procedure(request, slug):
    shown = rows_of_page.fetch(slug=slug, today=edition.current().today)
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

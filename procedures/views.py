"""The pages about what we do."""

from django.db.models import Prefetch
from django.shortcuts import render
from django.views.decorators.http import require_safe

from practice.models import Surgeon
from practice.preview import previewable

from . import editorial
from .models import BeforeAfterCase, Category, Procedure
from .structured_data import of_procedure


@require_safe
def procedure_list(request):
    categories = Category.objects.with_published_procedures()
    return render(request, "procedures/procedure_list.html", {"categories": categories})


@require_safe
@previewable(Procedure)
def procedure(request, slug):
    procedure = pages(Procedure.objects.all()).live(slug)
    return render(request, "procedures/procedure.html", page_context(procedure))


def pages(procedures):
    """`procedures` with every row that their pages show, in a constant number of queries."""
    return procedures.select_related("category").prefetch_related(
        "faqs",
        "milestones",
        "sources",
        "diagram_parts",
        Prefetch("cases", BeforeAfterCase.objects.visible()),
        Prefetch("surgeons", Surgeon.objects.published().order_by("performances__position")),
        Prefetch("related", Procedure.objects.published()),
    )


def page_context(procedure):
    sections = [(name, heading, getattr(procedure, name)) for name, heading in editorial.SECTIONS]
    return {
        "procedure": procedure,
        "structured_data": of_procedure(procedure),
        "sections": {
            name: {"heading": heading, "text": text} for name, heading, text in sections if text
        },
    }

"""Editing what we do: one long page in reading order, with a gate before patients see it."""

from django.contrib import admin
from django.db.models import Count

from practice.editing.content_admin import (
    PUBLICATION,
    PartsInline,
    PlainFields,
    PublishableAdmin,
    RowsInline,
)

from . import editorial
from .admin_forms import CaseForm, ProcedureForm, SourceFormSet
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

THE_PAGE = "The page, in the order in which patients read it"


@admin.register(Category)
class CategoryAdmin(PlainFields, admin.ModelAdmin):
    list_display = ["name", "position", "summary"]
    prepopulated_fields = {"slug": ["name"]}
    fields = [("name", "slug"), "summary", "position"]


class SourceInline(PartsInline):
    model = Source
    formset = SourceFormSet
    fields = ["title", "url", ("publisher", "year", "accessed", "position")]


class MilestoneInline(RowsInline):
    model = RecoveryMilestone
    fields = ["when", "title", "text", "position"]


class FaqInline(PartsInline):
    model = Faq
    fields = ["question", "answer", "position"]


class DiagramPartInline(RowsInline):
    model = DiagramPart
    fields = ["number", "label", "kind", "text", "position"]
    classes = ["collapse"]


class PerformanceInline(RowsInline):
    model = Performance
    fields = ["surgeon", "is_featured", "position"]


class CaseInline(PartsInline):
    model = BeforeAfterCase
    form = CaseForm
    classes = ["collapse"]
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("before", "before_alt"),
                    ("after", "after_alt"),
                    ("time_after", "surgeon"),
                    "caption",
                )
            },
        ),
        (
            "Consent: the pictures can be reached only while it is in force",
            {
                "fields": (
                    ("consent_reference", "consent_signed_on"),
                    ("consent_expires_on", "consent_revoked_on"),
                    "consent_covers_web",
                    ("is_shown", "position"),
                )
            },
        ),
    )


@admin.register(Procedure)
class ProcedureAdmin(PublishableAdmin):
    form = ProcedureForm
    # Named, because a template named by a base class goes before the one found by its path.
    change_form_template = "admin/procedures/procedure/change_form.html"
    list_display = ["name", "category", "state", "lacks", "review_due", "content_changed_at"]
    list_filter = ["status", "category"]
    list_select_related = ["category"]
    list_per_page = 25  # So that the list of a thousand is as quick as that of ten.
    search_fields = ["name", "also_known_as", "summary"]
    inlines = [
        SourceInline,
        MilestoneInline,
        FaqInline,
        PerformanceInline,
        DiagramPartInline,
        CaseInline,
    ]
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "slug"),
                    ("category", "position"),
                    "summary",
                    "also_known_as",
                )
            },
        ),
        (
            "Key facts",
            {
                "fields": (
                    editorial.KEY_FACTS[:2],
                    editorial.KEY_FACTS[2:4],
                    editorial.KEY_FACTS[4:],
                )
            },
        ),
        (
            THE_PAGE,
            {"fields": tuple(name for name, _ in editorial.SECTIONS)},
        ),
        ("Lists", {"fields": ("questions_to_ask", "photo_views", "related")}),
        (
            "Pictures",
            {"fields": ("hero", "hero_alt", "diagram", "diagram_alt", "diagram_caption")},
        ),
        PUBLICATION,
    )

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(source_count=Count("sources"))

    @admin.display(description="missing")
    def lacks(self, procedure):
        findings = editorial.missing(procedure, procedure.source_count)
        return ", ".join(_title(finding.field) for finding in findings) or "–"

    def render_change_form(self, request, context, obj=None, **kwargs):
        procedure = obj or Procedure()
        missing = {
            finding.field for finding in self._findings(procedure, context["adminform"].form)
        }
        context["required"] = [
            {
                "field": field,
                "title": _title(field),
                "why": why,
                "anchor": "sources-group" if field == "sources" else f"id_{field}",
                "is_missing": field in missing,
            }
            for field, why in editorial.REQUIRED.items()
        ]
        context["is_complete"] = not missing
        context["hints"] = editorial.hints(procedure)
        context["has_claims"] = any(hint.is_claim for hint in context["hints"])
        context["sections_named"] = THE_PAGE
        context["grades"] = editorial.reading_grades(procedure)
        return super().render_change_form(request, context, obj=obj, **kwargs)

    def _findings(self, procedure, form):
        if form.is_bound and hasattr(form, "cleaned_data"):
            return form.findings(form.cleaned_data)
        return procedure.missing_for_publication()


def _title(field):
    return editorial.HEADINGS.get(field, "Sources")

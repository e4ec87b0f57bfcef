"""Drafts and history of pages in the admin: prepare, preview, publish, compare, restore."""

from itertools import pairwise

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.http import require_POST

from ..publishing import Publishable
from . import refusals, revisions
from .revisions import Revision

VERSIONS_SHOWN = 30


class VersionedAdmin:
    """For an admin of a Publishable model; comes before ModelAdmin.

    A change form with `?draft` in its address edits the page's draft. The draft is applied
    to the rows before Django's own form code runs, and rolled back after it unless the form
    was saved for good: so every field and inline works as always.
    """

    change_form_template = "admin/versioned_change_form.html"
    object_history_template = "admin/versions.html"

    def get_urls(self):
        opts = self.opts
        own = [
            ("<path:object_id>/restore/<int:revision_id>/", self.restore_view, "restore"),
            ("<path:object_id>/discard-draft/", self.discard_draft_view, "discard_draft"),
        ]
        return [
            path(
                route,
                self.admin_site.admin_view(require_POST(view)),
                name=f"{opts.app_label}_{opts.model_name}_{name}",
            )
            for route, view, name in own
        ] + super().get_urls()

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        page = object_id and self.get_object(request, object_id)
        draft = page and revisions.draft_of(page)
        context = {"draft": draft, "is_draft": "draft" in request.GET and draft is not None}
        # As it is now: a form that is refused has already changed its own copy of the page.
        context["is_live"] = bool(page and page.is_live)
        context["refusal"] = page and refusals.of_page(page)
        context |= extra_context or {}
        if page and request.method == "POST" and not Revision.objects.of(page).exists():
            revisions.keep(page, note="Before the first change on file")
        keeps_draft = page is not None and "_save_draft" in request.POST
        if not keeps_draft and not context["is_draft"]:
            return super().changeform_view(request, object_id, form_url, context)
        with revisions.pretend(page, draft if context["is_draft"] else None) as applied:
            context["left_out"] = [*applied.refused, *applied.gone]
            response = super().changeform_view(request, object_id, form_url, context)
            if isinstance(response, TemplateResponse):
                response.render()  # While the rows are as the draft says.
            was_saved = isinstance(response, HttpResponseRedirect)
            snapshot = self._as_saved(object_id) if was_saved and keeps_draft else None
            applied.is_for_good = was_saved and not keeps_draft
            if applied.is_for_good:
                draft.delete()
        if snapshot:
            content, publish_at = snapshot
            revisions.keep_draft(page, content, by=request.user, publish_at=publish_at)
        return response

    def _as_saved(self, object_id):
        page = self.model.objects.get(pk=object_id)
        is_timed = page.status == Publishable.Status.SCHEDULED
        return revisions.snapshot(page), page.publish_at if is_timed else None

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        revisions.keep(form.instance, by=request.user)

    def response_change(self, request, page):
        if "_save_draft" not in request.POST:
            return super().response_change(request, page)
        words = "The draft is kept. Patients still see the page as it was."
        if page.status == Publishable.Status.SCHEDULED:
            words += " It goes live at the time you set."
        messages.success(request, words)
        return HttpResponseRedirect(f"{self._address(page)}?draft")

    def history_view(self, request, object_id, extra_context=None):
        page = self.get_object(request, object_id)
        versions = list(Revision.objects.of(page)[: VERSIONS_SHOWN + 1]) if page else []
        kept = [each for each in versions if not each.is_draft]
        rows = [
            {"version": newer, "changes": revisions.differences(older.content, newer.content)}
            for newer, older in pairwise(kept)
        ]
        if kept and len(kept) <= VERSIONS_SHOWN:
            rows.append({"version": kept[-1], "changes": [], "is_first": True})
        context = {"rows": rows} | (extra_context or {})
        return super().history_view(request, object_id, context)

    def restore_view(self, request, object_id, revision_id):
        page = self._changeable(request, object_id)
        revision = get_object_or_404(Revision.objects.of(page), pk=revision_id, is_draft=False)
        try:
            with transaction.atomic():
                applied = revisions.apply(revision)
                page = applied.page
                page.clean()
                findings = page.missing_for_publication() if page.is_live else []
                if findings:
                    raise ValidationError([finding.message for finding in findings])
                page.begin_new_version()
                page.save(update_fields=page.VERSION)
                note = f"Version {revision.number} restored"
                revisions.keep(page, by=request.user, note=note)
                self.log_change(request, page, f"{note}.")
        except ValidationError as error:
            words = " ".join(error.messages)
            messages.error(request, f"Version {revision.number} was not restored. {words}")
        else:
            self._say_what_was_restored(request, revision.number, applied)
        return HttpResponseRedirect(self._address(page))

    def _say_what_was_restored(self, request, number, applied):
        left_out = [*applied.refused, *applied.gone]
        if not left_out:
            messages.success(request, f"The page is again as in version {number}.")
            return
        words = [f"The page is again as in version {number}, except for this.", *left_out]
        if applied.refused:
            words.append("Change it here, or mend what stands in the way and restore once more.")
        messages.warning(request, " ".join(words))

    def discard_draft_view(self, request, object_id):
        page = self._changeable(request, object_id)
        draft = revisions.draft_of(page)
        if draft:
            draft.delete()
            messages.success(request, "The draft is discarded. The page itself is unchanged.")
        return HttpResponseRedirect(self._address(page))

    def _changeable(self, request, object_id):
        page = get_object_or_404(self.model, pk=object_id)
        if not self.has_change_permission(request, page):
            raise PermissionDenied
        return page

    def _address(self, page):
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[page.pk])

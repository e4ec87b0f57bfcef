"""The admin of consultation requests: an inbox and a page made for the call.

Nothing is edited or deleted here. What the patient wrote is shown, what happens to the request
goes through the verbs of `triage`; somebody who called is entered by the verb of `intake`.
"""

from urllib.parse import urlencode

from auditlog.signals import accessed
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.cache import add_never_cache_headers
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache

from practice.models import Practice

from .. import triage
from ..models import ConsultationRequest
from ..staff_work import presence
from . import acts, entering, exporting, inbox, request_page, retention, search, stale
from .acts import ACTS, is_number
from .bulk import BULK_ACTS, offered, perform
from .pages import PAGES

TEMPLATES = "admin/consultations/consultationrequest"
CHOSEN = "chosen"
SEARCH = "search"


@admin.register(ConsultationRequest)
class RequestAdmin(admin.ModelAdmin):
    actions = None
    show_full_result_count = False
    list_per_page = inbox.PER_PAGE

    # --- Who may do what ---------------------------------------------------------------
    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def has_triage_permission(self, request):
        return request.user.has_perm("consultations.triage_request")

    def get_queryset(self, request):
        return (
            ConsultationRequest.objects.visible_to(request.user)
            .select_related("procedure", "surgeon", "owner")
            .defer("message")  # The page of one request shows it, and fetches it for that.
            .order_by()
        )

    def get_urls(self):
        def named(route, view, name):
            name = f"consultations_consultationrequest_{name}"
            return path(route, self.admin_site.admin_view(view), name=name)

        acts = [
            named(f"<int:pk>/{name}/", self._act_view(act), name.replace("-", "_"))
            for name, act in ACTS.items()
        ]
        pages = [
            named(f"<int:pk>/{page.route}", self._page_view(page), page.name) for page in PAGES
        ]
        several = [
            named("several/", self.bulk_view, "bulk"),
            named("export/", self.export_view, "export"),
            named("erased-next/", self.retention_view, "retention"),
        ]
        return [*acts, *pages, *several, *super().get_urls()]

    def framed(self, request, title, template, *, status=200, **context):
        """A page in the frame of the admin, kept out of every cache."""
        context |= {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
        }
        response = TemplateResponse(request, f"{TEMPLATES}/{template}", context, status=status)
        add_never_cache_headers(response)
        return response

    def gone(self, request, why):
        """To the inbox: the request was erased, or given out of sight, under the person's hands."""
        self.message_user(request, why, messages.ERROR)
        return redirect("admin:consultations_consultationrequest_changelist")

    # --- The inbox ---------------------------------------------------------------------
    def changelist_view(self, request, extra_context=None):
        if not self.has_view_permission(request):
            raise PermissionDenied
        moment = inbox.Moment.of(request.user)
        requests = self.get_queryset(request)
        if request.method == "POST":
            return self._remember_search(request)
        query, view = _query(request), _view(request)
        if query:
            parts = (search.Found(requests, query, request.user),)
        else:
            parts = view.parts(view.within(requests, moment))
        shown = None if query else view
        page = inbox.page(parts, _number(request.GET.get("p")))
        inbox.with_promises(page.rows, Practice.current().calendar(), moment.now)
        context = {
            **self.admin_site.each_context(request),
            "title": "Inbox",
            "opts": self.opts,
            "query": query,
            "view": shown,
            "tabs": tabs(requests, moment),
            "page": page,
            "bulk_acts": offered(shown) if self.has_triage_permission(request) else (),
            "can_triage": self.has_triage_permission(request),
            "can_enter": self.has_add_permission(request),
            "can_export": request.user.has_perm("consultations.export_request"),
            "filters": _filters(request),
            "moment": moment,
            "chosen": CHOSEN,
            "back_to": request.get_full_path(),
            **(extra_context or {}),
        }
        return TemplateResponse(request, f"{TEMPLATES}/change_list.html", context)

    def _remember_search(self, request):
        """Searches are for patients' names: kept in the session, out of addresses and logs."""
        request.session[SEARCH] = request.POST.get("q", "").strip()[:200]
        if not request.session[SEARCH]:
            return redirect("admin:consultations_consultationrequest_changelist")
        return HttpResponseRedirect(f"{request.path}?view={SEARCH}")

    # --- One request -------------------------------------------------------------------
    @method_decorator(never_cache)
    def change_view(self, request, object_id, form_url="", extra_context=None):
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        return self._page(request, row, extra_context)

    @method_decorator(never_cache)
    def add_view(self, request, form_url="", extra_context=None):
        if not (self.has_view_permission(request) and self.has_add_permission(request)):
            raise PermissionDenied
        return entering.entry_view(self, request)

    def history_view(self, request, object_id, extra_context=None):
        return redirect("admin:consultations_consultationrequest_change", object_id)

    def _page(self, request, row, extra_context=None, *, bound=None, status=200):
        """Shows the request, and records that this person saw it."""
        page = request_page.context(row, request.user, bound)
        shown = [row, *page["merged"]]
        for each in shown:
            accessed.send(ConsultationRequest, instance=each)
        if self.has_triage_permission(request):
            request_page.seen_by_staff(shown)
        context = {
            **self.admin_site.each_context(request),
            **page,
            "others_here": presence.here(row, request.user),
            "title": row.called,
            "opts": self.opts,
            **(extra_context or {}),
        }
        return TemplateResponse(request, f"{TEMPLATES}/change_form.html", context, status=status)

    def _act_view(self, act):
        def view(request, pk):
            return self._act(request, pk, act)

        return view

    def _page_view(self, page):
        def view(request, pk, **parts):
            row = self._row_for(request, pk, page.permission)
            if page.is_post_only and request.method != "POST":
                return redirect("admin:consultations_consultationrequest_change", pk)
            return page.view(self, request, row, **parts)

        return never_cache(view)

    def _row_for(self, request, pk, permission):
        """The request, for somebody who may see it and has the permission besides."""
        if not (self.has_view_permission(request) and request.user.has_perm(permission)):
            raise PermissionDenied
        row = self.get_object(request, str(pk))
        if row is None:
            raise Http404
        return row

    def _act(self, request, pk, act):
        row = self._row_for(request, pk, act.permission)
        if request.method != "POST":  # After signing in again, the browser comes by GET.
            return redirect("admin:consultations_consultationrequest_change", pk)
        form = act.form(request.POST, row=row)
        if not form.is_valid():
            return self._page(request, row, bound=form, status=400)
        try:
            seen = acts.as_seen(row, request.POST)
            acts.perform(act, seen, request.user, form.cleaned_data)
        except triage.TriageError as error:
            return self._failed(request, pk, form, str(error))
        if words := acts.done(act, row, form.cleaned_data):
            self.message_user(request, words, messages.SUCCESS)
        if act.leads_to:
            return redirect(act.leads_to(row, form.cleaned_data))
        return self._back(request, pk)

    def _failed(self, request, pk, form, why):
        """Back to where the person was, with what they typed and what happened meanwhile."""
        if _next(request):
            self.message_user(request, why, messages.ERROR)
            return HttpResponseRedirect(_next(request))
        row = self.get_object(request, str(pk))
        if row is None:
            return self.gone(request, why)
        meanwhile = {"meanwhile": stale.differences(request.POST, row)}
        form.show_anew(row)
        form.add_error(None, why)
        return self._page(request, row, meanwhile, bound=form, status=409)

    def _back(self, request, pk):
        """To the page; to the inbox when the request was given out of this person's sight."""
        if _next(request):
            return HttpResponseRedirect(_next(request))
        if not self.get_queryset(request).filter(pk=pk).exists():
            return redirect("admin:consultations_consultationrequest_changelist")
        return redirect("admin:consultations_consultationrequest_change", pk)

    # --- Several requests --------------------------------------------------------------
    def export_view(self, request):
        if not (
            self.has_view_permission(request)
            and request.user.has_perm("consultations.export_request")
        ):
            raise PermissionDenied
        query, view = _query(request), _view(request)
        rows = self.get_queryset(request)
        if query:
            rows = search.Found(rows, query, request.user).every()
            title = "What your search found"
        else:
            rows, title = view.within(rows, inbox.Moment.of(request.user)), view.label
        return exporting.export_view(self, request, rows, title, _filters(request))

    def retention_view(self, request):
        if not request.user.has_perm("consultations.erase_request"):
            raise PermissionDenied
        return retention.retention_view(self, request)

    def bulk_view(self, request):
        if not (self.has_view_permission(request) and self.has_triage_permission(request)):
            raise PermissionDenied
        if request.method != "POST":
            return redirect("admin:consultations_consultationrequest_changelist")
        act = BULK_ACTS.get(request.POST.get("act"))
        numbers = {int(each) for each in request.POST.getlist(CHOSEN) if is_number(each)}
        back_to = _next(request) or reverse("admin:consultations_consultationrequest_changelist")
        if act is None or not numbers:
            self.message_user(request, "Tick the requests first.", messages.WARNING)
            return HttpResponseRedirect(back_to)
        rows = self.get_queryset(request).filter(pk__in=numbers)
        context = {
            **self.admin_site.each_context(request),
            "title": act.question,
            "opts": self.opts,
            "act": act,
            "chosen": CHOSEN,
            "back_to": back_to,
        }
        form = act.form(request.POST if "sure" in request.POST else None)
        if "sure" not in request.POST or not form.is_valid():
            context |= {"rows": list(rows), "form": form}
            status = 400 if form.is_bound else 200
            return TemplateResponse(request, f"{TEMPLATES}/bulk.html", context, status=status)
        report = perform(act, list(rows), request.user, form.cleaned_data, len(numbers))
        context |= {"title": f"{act.label}: what happened", "report": report}
        status = 409 if report.failed and not report.done else 200
        return TemplateResponse(request, f"{TEMPLATES}/bulk_report.html", context, status=status)


def tabs(requests, moment):
    found = inbox.counts(requests, moment)
    return [
        (view, inbox.in_figures(found[view.key]) if view.is_counted else "") for view in inbox.VIEWS
    ]


def _query(request):
    if request.GET.get("view") == SEARCH:
        return request.session.get(SEARCH, "")
    return request.GET.get("q", "").strip()


def _view(request):
    return inbox.BY_KEY.get(request.GET.get("view", ""), inbox.BY_KEY["todo"])


def _filters(request):
    """The part of the address that says which view or search is shown."""
    kept = {key: request.GET[key] for key in ("view", "q") if request.GET.get(key)}
    return f"?{urlencode(kept)}" if kept else ""


def _number(text):
    return int(text) if text and text.isdecimal() and len(text) < 6 else 1


def _next(request):
    """The page of the admin that the form names to go back to, if it is one of ours."""
    target = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        target, {request.get_host()}, require_https=request.is_secure()
    )
    return target if target and is_ours else ""

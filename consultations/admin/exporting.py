"""Taking a view of the inbox out as a file: with a reason, recorded before it leaves."""

from django.http import FileResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.decorators import method_decorator

from practice.accounts.sign_in import recently_confirmed

from ..data_rights import export
from ..staff_work.record_forms import ExportForm
from . import inbox

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@method_decorator(recently_confirmed)
def export_view(admin, request, rows, title, filters):
    """`rows` is what the person sees in the inbox now; `filters` leads back to it."""
    form = ExportForm(request.POST if request.method == "POST" else None)
    if not (form.is_bound and form.is_valid()):
        counted = rows.order_by().values("pk")[: inbox.COUNTED_TO + 1].count()
        return admin.framed(
            request,
            "Export requests",
            "export.html",
            status=400 if form.is_bound else 200,
            form=form,
            what=title,
            number=inbox.in_figures(counted),
            filters=filters,
        )
    return _file(rows.order_by("-received_at", "pk"), by=request.user, **form.cleaned_data)


def _file(rows, *, by, kind, reason, with_health):
    keys = export.record(rows, by=by, reason=reason, kind=kind, with_health=with_health)
    name = f"requests-{timezone.localdate():%Y-%m-%d}.{kind}"
    if kind == "csv":
        lines = export.csv_lines(keys, with_health=with_health)
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{name}"'
    else:
        file = export.xlsx_file(keys, with_health=with_health)
        response = FileResponse(file, as_attachment=True, filename=name, content_type=XLSX)
    add_never_cache_headers(response)
    return response

"""A copy of what we hold about one person, for that person: with a reason, and recorded."""

from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.decorators import method_decorator

from practice.accounts.sign_in import recently_confirmed

from ..data_rights import export, person_data
from ..models import ConsultationRequest, Event
from ..staff_work.record_forms import HandOverForm
from ..timeline import record

KIND = "copy for the person"
DONE = "Copy of everything made for the patient"


@method_decorator(recently_confirmed)
def hand_over_view(admin, request, row):
    others = person_data.of_the_same_person(row, admin.get_queryset(request))
    form = HandOverForm(request.POST if request.method == "POST" else None, row=row, others=others)
    if form.is_bound and form.is_valid():
        keys = [row.pk, *(each.pk for each in form.cleaned_data["others"])]
        rows = ConsultationRequest.objects.filter(pk__in=keys).order_by("received_at")
        return _file(rows, row, request.user, form.cleaned_data)
    return admin.framed(
        request,
        f"A copy for {row.full_name}",
        "hand_over.html",
        status=400 if form.is_bound else 200,
        row=row,
        form=form,
    )


def _file(rows, row, user, answers):
    with_notes = answers["with_notes"]
    export.record(rows, by=user, reason=answers["reason"], kind=KIND, with_health=True)
    for each in rows.defer("message"):
        record(each, Event.Kind.NOTED, user, DONE, note=answers["reason"])
    pieces = person_data.pieces(
        rows.select_related("procedure", "surgeon", "owner"), with_notes=with_notes
    )
    response = StreamingHttpResponse(pieces, content_type="application/zip")
    name = f"copy-{row.reference}-{timezone.localdate():%Y-%m-%d}.zip"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    add_never_cache_headers(response)
    return response

"""What will be erased soon, for managers: to see it coming, and to hold back what must stay."""

from django.http import HttpResponseNotAllowed

from practice.models import Practice

from ..data_rights import retention_preview


def retention_view(admin, request):
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    return admin.framed(
        request,
        "What is erased next",
        "retention.html",
        preview=retention_preview.preview(),
        months=Practice.current().retention_months,
        most_listed=retention_preview.LISTED,
        back_to=request.get_full_path(),
    )

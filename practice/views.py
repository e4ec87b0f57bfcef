"""Pages about the practice itself, and those that bring everything together."""

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import Prefetch
from django.http import FileResponse, Http404, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from consultations.views import give_form_back
from procedures.models import BeforeAfterCase, Category, Performance, Procedure

from . import renditions, structured_data
from .context_processors import current_practice
from .models import Closure, Location, OpeningHours, Surgeon
from .preview import previewable


@require_safe
def home(request):
    return render(
        request,
        "practice/home.html",
        {
            "categories": Category.objects.with_published_procedures(),
            "surgeons": Surgeon.objects.published(),
            "locations": Location.objects.published(),
            "structured_data": structured_data.graph(structured_data.clinic(current_practice())),
        },
    )


@require_safe
def surgeon_list(request):
    return render(request, "practice/surgeon_list.html", {"surgeons": Surgeon.objects.published()})


@require_safe
@previewable(Surgeon)
def surgeon(request, slug):
    performances = Performance.objects.filter(
        procedure__in=Procedure.objects.published()
    ).select_related("procedure")
    surgeon = Surgeon.objects.prefetch_related(
        Prefetch("performances", performances),
        Prefetch("locations", Location.objects.published()),
    ).live(slug)
    performed = list(surgeon.performances.all())
    return render(
        request,
        "practice/surgeon.html",
        {
            "surgeon": surgeon,
            "featured": [each.procedure for each in performed if each.is_featured],
            "performed": [each.procedure for each in performed],
            "locations": surgeon.locations.all(),
            "structured_data": structured_data.graph(
                structured_data.physician(surgeon, [each.procedure for each in performed]),
                structured_data.breadcrumb(
                    ("Home", "/"),
                    ("Surgeons", reverse("surgeon_list")),
                    (surgeon.full_name, surgeon.get_absolute_url()),
                ),
            ),
        },
    )


@require_safe
@previewable(Location)
def location(request, slug):
    location = Location.objects.prefetch_related(
        "hours", Prefetch("surgeons", Surgeon.objects.published())
    ).live(slug)
    week = {label: [] for _, label in OpeningHours.Weekday.choices}
    for hours in location.hours.all():
        week[hours.get_weekday_display()].append(hours)
    return render(
        request,
        "practice/location.html",
        {
            "location": location,
            "week": week,
            "closures": Closure.objects.upcoming(location, timezone.localdate())[:8],
            "structured_data": structured_data.graph(
                structured_data.clinic(current_practice(), location, location.hours.all()),
                structured_data.breadcrumb(
                    ("Home", "/"), (location.name, location.get_absolute_url())
                ),
            ),
        },
    )


@require_safe
def privacy(request):
    return render(request, "practice/privacy.html")


@require_safe
def accessibility(request):
    return render(request, "practice/accessibility.html")


@require_safe
def robots(request):
    lines = ["User-agent: *", "Disallow: /admin/", "Disallow: /staff/", "Disallow: /search/"]
    lines += ["Disallow: /consultation/re", f"Sitemap: {settings.SITE_URL}/sitemap.xml", ""]
    return HttpResponse("\n".join(lines), content_type="text/plain")


@require_safe
def web_manifest(request):
    """Name, colours and icons for a phone's home screen."""
    practice = current_practice()
    manifest = {
        "name": practice.name,
        "short_name": practice.name[:30],
        "description": practice.summary,
        "start_url": "/",
        "display": "browser",
        "background_color": "#faf8f3",
        "theme_color": "#12434a",
        "icons": [
            {"src": static("img/favicon.svg"), "sizes": "any", "type": "image/svg+xml"},
            {"src": static("img/apple-touch-icon.png"), "sizes": "180x180", "type": "image/png"},
        ],
    }
    return JsonResponse(manifest, content_type="application/manifest+json")


@require_safe
def media(request, path):
    """An uploaded picture or drawing.

    Its name is made from its content, so it may be kept for ever; but a patient's picture
    is asked for anew each time, because consent can end at any moment.
    """
    if "\0" in path:
        raise Http404
    cache_control = "public, max-age=31536000, immutable"
    if path.startswith("cases/"):
        cache_control = "private, no-store"
        if not BeforeAfterCase.objects.shows(renditions.original_of(path)):
            raise Http404
    if not default_storage.exists(path):
        raise Http404
    response = FileResponse(default_storage.open(path))
    response["Cache-Control"] = cache_control
    # A drawing that is opened by itself may style itself, and nothing else.
    response["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return response


def csrf_failure(request, reason=""):
    """An expired form is given back with everything typed; elsewhere a plain page says so."""
    if request.path == "/consultation/":
        return give_form_back(request)
    return render(request, "403_csrf.html", status=403)

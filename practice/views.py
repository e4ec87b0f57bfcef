"""Pages about the practice itself, and those that bring everything together."""

import re
from functools import lru_cache

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_safe

from consultations.views import give_form_back
from procedures.models import BeforeAfterCase, Category, Procedure

from . import structured_data
from .accounts import unsaved
from .caching import edition
from .context_processors import WithFrame, current_practice, frame
from .editing.preview import previewable
from .media import drawings, renditions, stored_files
from .models import Closure, Location, OpeningHours, Surgeon
from .page_cache import same_for_everyone
from .sql.one_query import NOW, SLUG, TODAY


@WithFrame
def rows_of_home():
    return Category.with_procedures(NOW) | {
        "surgeons": Surgeon.objects.published(NOW).only(*Surgeon.IN_LISTS),
        "locations": Location.objects.published(NOW).only(*Location.IN_LISTS),
    }


@same_for_everyone
@require_safe
def home(request):
    shown = rows_of_home.fetch()
    return render(
        request,
        "practice/home.html",
        shown
        | {
            "categories": Category.grouped(**shown),
            "structured_data": structured_data.graph(structured_data.clinic(shown["practice"])),
        },
    )


@WithFrame
def rows_of_surgeon_list():
    return {"surgeons": Surgeon.objects.published(NOW).only(*Surgeon.IN_LISTS)}


@same_for_everyone
@require_safe
def surgeon_list(request):
    return render(request, "practice/surgeon_list.html", rows_of_surgeon_list.fetch())


@WithFrame
def rows_of_surgeon():
    performed = (
        Procedure.objects.published(NOW)
        .only(*Procedure.IN_LISTS)
        .filter(performances__surgeon__slug=SLUG)
        .order_by("-performances__is_featured", "performances__position", "performances__pk")
    )
    return {
        "surgeon": Surgeon.objects.filter(slug=SLUG),
        "performed": performed,
        "featured": performed.filter(performances__is_featured=True),
        "locations": Location.objects.published(NOW)
        .only(*Location.IN_LISTS)
        .filter(surgeons__slug=SLUG),
    }


@same_for_everyone
@require_safe
@previewable(Surgeon)
def surgeon(request, slug):
    shown = rows_of_surgeon.fetch(slug=slug)
    surgeon = Surgeon.live_one_of(shown["surgeon"])
    return render(
        request,
        "practice/surgeon.html",
        shown
        | {
            "surgeon": surgeon,
            "structured_data": structured_data.graph(
                structured_data.physician(surgeon, shown["performed"]),
                structured_data.breadcrumb(
                    ("Home", "/"),
                    ("Surgeons", reverse("surgeon_list")),
                    (surgeon.full_name, surgeon.get_absolute_url()),
                ),
            ),
        },
    )


@WithFrame
def rows_of_location():
    return {
        "location": Location.objects.filter(slug=SLUG),
        "hours": OpeningHours.objects.filter(location__slug=SLUG),
        "closures": Closure.objects.upcoming(SLUG, TODAY)[:8],
        "surgeons": Surgeon.objects.published(NOW)
        .only(*Surgeon.IN_LISTS)
        .filter(locations__slug=SLUG),
    }


@same_for_everyone
@require_safe
@previewable(Location)
def location(request, slug):
    shown = rows_of_location.fetch(slug=slug, today=edition.current().today)
    location = Location.live_one_of(shown["location"])
    week = {label: [] for _, label in OpeningHours.Weekday.choices}
    for hours in shown["hours"]:
        week[hours.get_weekday_display()].append(hours)
    return render(
        request,
        "practice/location.html",
        shown
        | {
            "location": location,
            "week": week,
            "structured_data": structured_data.graph(
                structured_data.clinic(shown["practice"], location, shown["hours"]),
                structured_data.breadcrumb(
                    ("Home", "/"), (location.name, location.get_absolute_url())
                ),
            ),
        },
    )


@same_for_everyone
@require_safe
def privacy(request):
    return render(request, "practice/privacy.html", frame.fetch())


@same_for_everyone
@require_safe
def accessibility(request):
    return render(request, "practice/accessibility.html", frame.fetch())


@same_for_everyone
@require_safe
def robots(request):
    lines = ["User-agent: *", "Disallow: /admin/", "Disallow: /staff/", "Disallow: /search/"]
    lines += ["Disallow: /consultation/re", f"Sitemap: {settings.SITE_URL}/sitemap.xml", ""]
    return HttpResponse("\n".join(lines), content_type="text/plain")


@require_safe
def favicon(request):
    """Where browsers look that draw no SVG in their tabs."""
    return redirect(static("img/favicon.ico"))


@same_for_everyone
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


# As long as the database lets a picture's name be; file systems take 255.
LONGEST_NAME = 200
# The one spelling of a name: folders as ours are called, then a file. Storage would find the
# same file under others too (“./”, “x/../”, “//”; capitals, on some disks), but consent is
# asked for by the name, and so are the rules for keeping.
NAME = re.compile(r"(?:[a-z0-9_-]+/)*(?!\.{1,2}\Z)[^/\\\0]+")


@require_safe
def media(request, path):
    """An uploaded picture or drawing.

    Its name is made from its content, so it may be kept for ever; but a patient's picture
    is asked for anew each time, because consent can end at any moment.
    """
    if len(path) > LONGEST_NAME or not NAME.fullmatch(path):
        raise Http404
    cache_control = "public, max-age=31536000, immutable"
    if path.startswith("cases/"):
        cache_control = "private, no-store"
        if not BeforeAfterCase.objects.shows(renditions.original_of(path)):
            raise Http404
    try:
        response = stored_files.answer(request, default_storage, path)
        response["Content-Security-Policy"] = _policy(path)
    except (FileNotFoundError, IsADirectoryError):
        raise Http404 from None
    except OSError:  # A bucket that cannot be reached; the picture is not gone.
        return HttpResponse(status=503, headers={"Cache-Control": "no-store", "Retry-After": 30})
    response["Cache-Control"] = cache_control
    return response


@lru_cache(maxsize=1000)
def _policy(path):
    """Files keep their content as long as their name, so this is read once."""
    if not path.endswith(".svg"):
        return drawings.policy()
    with default_storage.open(path) as file:
        return drawings.policy(file.read())


def csrf_failure(request, reason=""):
    """An expired form is given back with everything typed; elsewhere a plain page says so."""
    if request.path == "/consultation/":
        return give_form_back(request)
    if unsaved.is_save_by_our_own_page(request):
        return unsaved.given_back(request)
    return render(request, "403_csrf.html", status=403)

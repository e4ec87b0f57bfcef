"""The picture that stands beside a link when a page is shared, made from the page's own words."""

import io
import textwrap

from django.conf import settings
from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe
from PIL import Image, ImageDraw, ImageFont

from procedures.models import Procedure

from .models import Location, Practice, Surgeon
from .page_cache import same_for_everyone
from .publishing import Publishable
from .sql.one_query import SLUG, OneQuery

WIDTH, HEIGHT, MARGIN = 1200, 630, 90
# The same colours as static/css/tokens.css: paper, ink, petrol and the warm accent.
PAPER, INK, SOFT, DEEP, ACCENT = "#faf8f3", "#1d2a2c", "#50605f", "#12434a", "#b4532a"
FONT = settings.BASE_DIR / "static" / "fonts" / "newsreader.woff2"
PAGES = {"procedures": Procedure, "surgeons": Surgeon, "locations": Location}


@OneQuery
def rows_of_card():
    return {"practice": Practice.objects.filter(pk=1)} | {
        kind: model.objects.filter(slug=SLUG) for kind, model in PAGES.items()
    }


@same_for_everyone
@require_safe
def card(request, kind, slug=""):
    """A PNG of 1200 × 630 for the home page or for one published page."""
    shown = rows_of_card.fetch(slug=slug)
    practice = shown["practice"][0] if shown["practice"] else Practice.current()
    if kind == "home":
        title, line = practice.name, practice.tagline
    else:
        if kind not in PAGES:
            raise Http404
        page = Publishable.live_one_of(shown[kind])
        title = getattr(page, "full_name", page.name)
        line = page.summary
    return HttpResponse(drawn(title, line, practice.name), content_type="image/png")


def drawn(title, line, signature):
    """The card as PNG bytes. Long titles are set smaller, never cut."""
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 24, HEIGHT), fill=DEEP)
    draw.line((MARGIN, HEIGHT - 130, WIDTH - MARGIN, HEIGHT - 130), fill="#d8d2c4", width=2)
    size, per_line = (92, 22) if len(title) <= 44 else (60, 34)
    title_lines = textwrap.wrap(title, per_line)[:4]
    y = MARGIN
    y = _lines(draw, title_lines, y, size, DEEP)
    room = (HEIGHT - 150 - y) // 50
    _lines(draw, textwrap.wrap(line, 56)[: max(0, room)], y + 24, 38, SOFT)
    draw.ellipse((MARGIN, HEIGHT - 90, MARGIN + 26, HEIGHT - 64), fill=ACCENT)
    font = ImageFont.truetype(FONT, 36)
    draw.text((MARGIN + 46, HEIGHT - 100), signature, font=font, fill=INK)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _lines(draw, lines, y, size, fill):
    font = ImageFont.truetype(FONT, size)
    for text in lines:
        draw.text((MARGIN, y), text, font=font, fill=fill)
        y += int(size * 1.18)
    return y

"""What search engines are told of: every published page, with the day its content changed."""

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.urls import reverse

from procedures.models import Procedure

from .models import Location, Practice, Surgeon


class OurSitemap(Sitemap):
    """Addresses as SITE_URL has them, whichever host was asked."""

    def get_protocol(self, protocol=None):
        return urlsplit(settings.SITE_URL).scheme

    def get_domain(self, site=None):
        return urlsplit(settings.SITE_URL).netloc


class Pages(OurSitemap):
    """The published pages of one model."""

    def __init__(self, model):
        self.model = model

    def items(self):
        return self.model.objects.published().order_by("pk")

    def lastmod(self, page):
        return page.content_changed_at


class StandingPages(OurSitemap):
    """Pages that are always there. Those made of other pages have no date of their own."""

    DATED = ("privacy", "accessibility")

    def items(self):
        return ["home", "procedure_list", "surgeon_list", "consultation", *self.DATED]

    def location(self, name):
        return reverse(name)

    def lastmod(self, name):
        practice = Practice.objects.first()
        return practice.changed_at if practice and name in self.DATED else None


SITEMAPS = {
    "pages": StandingPages(),
    "procedures": Pages(Procedure),
    "surgeons": Pages(Surgeon),
    "locations": Pages(Location),
}

from django.contrib import admin
from django.contrib.sitemaps.views import sitemap
from django.urls import include, path
from django.views.decorators.http import require_safe

from . import search, social_cards, views
from .accounts import session_pages
from .operations import health
from .page_cache import same_for_everyone
from .sitemaps import SITEMAPS

urlpatterns = [
    path("", views.home, name="home"),
    path("procedures/", include("procedures.urls")),
    path("surgeons/", views.surgeon_list, name="surgeon_list"),
    path("surgeons/<slug:slug>/", views.surgeon, name="surgeon"),
    path("locations/<slug:slug>/", views.location, name="location"),
    path("consultation/", include("consultations.urls")),
    path("search/", search.search, name="search"),
    path("privacy/", views.privacy, name="privacy"),
    path("accessibility/", views.accessibility, name="accessibility"),
    path(
        "sitemap.xml",
        same_for_everyone(require_safe(sitemap), reads=["p"]),
        {"sitemaps": SITEMAPS},
        name="sitemap",
    ),
    path("robots.txt", views.robots, name="robots"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("site.webmanifest", views.web_manifest, name="web_manifest"),
    path("social/home.png", social_cards.card, {"kind": "home"}, name="social_card_home"),
    path("social/<slug:kind>/<slug:slug>.png", social_cards.card, name="social_card"),
    path("healthz", health.process_is_up, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("admin/", admin.site.urls),
    path("staff/session/", session_pages.state, name="session_state"),
    path("staff/sessions/", session_pages.own_sessions, name="own_sessions"),
    path("staff/", include("practice.accounts.sign_in_urls")),
    path("media/<path:path>", views.media, name="media"),
]

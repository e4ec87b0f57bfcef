from django.contrib import admin
from django.urls import include, path

from . import health, views

urlpatterns = [
    path("", views.home, name="home"),
    path("procedures/", include("procedures.urls")),
    path("surgeons/", views.surgeon_list, name="surgeon_list"),
    path("surgeons/<slug:slug>/", views.surgeon, name="surgeon"),
    path("locations/<slug:slug>/", views.location, name="location"),
    path("consultation/", include("consultations.urls")),
    path("privacy/", views.privacy, name="privacy"),
    path("accessibility/", views.accessibility, name="accessibility"),
    path("healthz", health.process_is_up, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("admin/", admin.site.urls),
    path("staff/", include("allauth.urls")),
    path("media/<path:path>", views.media, name="media"),
]

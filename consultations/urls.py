from django.urls import path

from . import views

urlpatterns = [
    path("", views.consultation, name="consultation"),
    path("received/<str:receipt>/", views.received, name="consultation_received"),
]

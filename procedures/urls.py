from django.urls import path

from . import views

urlpatterns = [
    path("", views.procedure_list, name="procedure_list"),
    path("<slug:slug>/", views.procedure, name="procedure"),
]

from django.urls import path

from . import views
from .patient_page import private_page

PRIVATE = "request/<str:token>/"

urlpatterns = [
    path("", views.consultation, name="consultation"),
    path("received/<str:receipt>/", views.received, name="consultation_received"),
    path(PRIVATE, private_page.private_page, name="private_page"),
    path(f"{PRIVATE}contact/", private_page.correct_contact, name="correct_contact"),
    path(f"{PRIVATE}photos/", private_page.add_photos, name="add_photos"),
    path(f"{PRIVATE}photos/delete/", private_page.take_back_photos, name="take_back_photos"),
    path(f"{PRIVATE}consents/", private_page.change_consents, name="change_consents"),
    path(f"{PRIVATE}withdraw/", private_page.withdraw, name="withdraw_request"),
    path(f"{PRIVATE}delete/", private_page.ask_for_deletion, name="ask_for_deletion"),
]

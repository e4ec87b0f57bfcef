"""The site's addresses, and below /wrong/ the pages for when something is wrong.

So a browser can look at them without anything being broken.
"""

from django.shortcuts import render
from django.urls import include, path

from consultations import form_facts
from consultations.forms import ConsultationForm


def wrong_page(request, template):
    return render(request, template)


def form_in_trouble(request, trouble):
    contexts = {
        "errors": {"form": ConsultationForm({"email": "nobody"}, facts=form_facts.current())},
        "down": {"form": ConsultationForm(), "is_down": True},
        "not-received": {
            "form": ConsultationForm(initial={"full_name": "Ada"}),
            "is_down": True,
            "was_not_received": True,
        },
        "expired": {
            "form": ConsultationForm({"full_name": "Ada"}, facts=form_facts.current()),
            "was_expired": True,
        },
    }
    return render(request, "consultations/consultation.html", contexts[trouble])


urlpatterns = [
    path("wrong/form/<slug:trouble>/", form_in_trouble),
    path("wrong/<path:template>", wrong_page),
    path("", include("practice.urls")),
]

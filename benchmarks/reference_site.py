"""What the site is compared with: the least that Django can do.

`/bare/` is a view without middleware, template or database. `/form/` is a ModelForm that
asks what the patient's form asks, behind CSRF protection, and stores one row.
"""

import functools
import os

import django
from django.conf import settings

TEXT = (
    "<!doctype html><html lang=en><title>Reference</title>"
    '<meta name=viewport content="width=device-width"><p>' + "Plain facts, calmly told. " * 300
)
THANKS = "<!doctype html><title>Thank you</title><p>We have it."
FORM = """<!doctype html><title>Form</title>
<form method="post">{% csrf_token %}{{ form }}<button>Send</button></form>"""
TABLE = "reference_inquiry"

if not settings.configured:
    with_form = "DATABASE_URL" in os.environ
    databases = {}
    if with_form:
        import dj_database_url

        databases["default"] = dj_database_url.parse(os.environ["DATABASE_URL"], conn_max_age=60)
    settings.configure(
        SECRET_KEY=os.environ["SECRET_KEY"],
        ALLOWED_HOSTS=["testserver", "localhost"],
        ROOT_URLCONF=__name__,
        DATABASES=databases,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"] if with_form else [],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        CSRF_TRUSTED_ORIGINS=["https://testserver"],
        LOGGING_CONFIG=None,
        USE_TZ=True,
    )
    django.setup()

from django import forms  # noqa: E402 (only after the settings)
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.http import HttpResponse, HttpResponseRedirect  # noqa: E402
from django.template import engines  # noqa: E402
from django.urls import path  # noqa: E402


class Inquiry(models.Model):
    """One row with the answers to the same questions."""

    full_name = models.CharField(max_length=120)
    preferred_name = models.CharField(max_length=80, blank=True)
    email = models.EmailField(max_length=254)
    phone = models.CharField(max_length=40, blank=True)
    is_under_18 = models.BooleanField(default=False)
    guardian_name = models.CharField(max_length=120, blank=True)
    guardian_relationship = models.CharField(max_length=60, blank=True)
    procedure = models.CharField(max_length=20, blank=True)
    surgeon = models.CharField(max_length=20, blank=True)
    message = models.TextField()
    contact_method = models.CharField(
        max_length=6, choices=[("phone", "Phone"), ("text", "Text"), ("email", "Email")]
    )
    best_time = models.CharField(
        max_length=10, choices=[("any", "Any"), ("morning", "Morning"), ("afternoon", "Later")]
    )
    interpreter_language = models.CharField(max_length=60, blank=True)
    may_leave_voicemail = models.BooleanField(default=False)
    may_text = models.BooleanField(default=False)
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "reference"
        db_table = TABLE

    def __str__(self):
        return str(self.pk)


class InquiryForm(forms.ModelForm):
    class Meta:
        model = Inquiry
        fields = "__all__"


def bare(request):
    return HttpResponse(TEXT)


def form(request):
    if request.method == "POST":
        sent = InquiryForm(request.POST)
        if sent.is_valid():
            sent.save()
            return HttpResponseRedirect("/thanks/")
    else:
        sent = InquiryForm()
    return HttpResponse(_template().render({"form": sent}, request))


@functools.cache
def _template():
    return engines["django"].from_string(FORM)


def thanks(request):
    return HttpResponse(THANKS)


def create_table():
    with connection.schema_editor() as editor:
        editor.create_model(Inquiry)


urlpatterns = [
    path("bare/", bare),
    path("form/", form),
    path("thanks/", thanks),
    path("healthz", thanks),  # The proxy asks for it.
]
application = get_wsgi_application()

if __name__ == "__main__":
    create_table()

"""Pages keep their old addresses: a changed slug leaves a redirect, a withdrawn page says so."""

from django.db import models
from django.http import HttpResponsePermanentRedirect
from django.shortcuts import render


class OldAddress(models.Model):
    """A path that once showed a page, and the path that shows it now."""

    path = models.CharField(max_length=200, unique=True)
    leads_to = models.CharField(max_length=200)

    class Meta:
        verbose_name = "old address"
        verbose_name_plural = "old addresses"

    def __str__(self):
        return self.path

    @classmethod
    def remember(cls, old, new):
        """From now on `old` leads to `new`, as does every address that led to `old`."""
        cls.objects.filter(path=new).delete()
        cls.objects.filter(leads_to=old).update(leads_to=new)
        cls.objects.update_or_create(path=old, defaults={"leads_to": new})


class Withdrawn(Exception):
    """The page was published once and no longer is."""


class OldAddressMiddleware:
    """Answers 410 for a withdrawn page, and a redirect where a 404 has an address of today."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if response.status_code == 404 and request.method in ("GET", "HEAD"):
            # PostgreSQL refuses a text that holds the null character.
            new = OldAddress.objects.filter(path=request.path.replace("\0", "")).first()
            if new:
                return HttpResponsePermanentRedirect(new.leads_to)
        return response

    def process_exception(self, request, exception):
        if isinstance(exception, Withdrawn):
            return render(request, "410.html", status=410)
        return None

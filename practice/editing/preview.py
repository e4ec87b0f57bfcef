"""A page before patients see it: the public view itself, run on what the page is to be."""

from functools import wraps

from django.contrib.auth import get_permission_codename
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.cache import add_never_cache_headers

from ..context_processors import nothing_remembered
from ..publishing import Publishable
from . import revisions


def previewable(model):
    """Lets editors of `model` see its page with `?preview`: unpublished, or as its draft says.

    For the time of the view the draft is applied and the page is live, inside a transaction
    that is rolled back. So a preview is what will be published, by the same code. Others get
    a 404. The answer is never cached or indexed.
    """

    def decorate(view):
        @wraps(view)
        def wrapped(request, slug):
            if "preview" not in request.GET:
                return view(request, slug)
            permission = f"{model._meta.app_label}.{get_permission_codename('view', model._meta)}"
            if not (request.user.is_staff and request.user.has_perm(permission)):
                raise Http404
            page = get_object_or_404(model, slug=slug)
            draft = revisions.draft_of(page)
            with revisions.pretend(page, draft) as applied, nothing_remembered():
                page = applied.page
                model.objects.filter(pk=page.pk).update(status=Publishable.Status.PUBLISHED)
                request.is_preview = True
                response = view(request, page.slug)
            add_never_cache_headers(response)
            response["X-Robots-Tag"] = "noindex, nofollow"
            return response

        return wrapped

    return decorate

"""Two people who edit one page: the second to save is told, and keeps what was typed."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format

from ..caching.content_version import raise_version
from .revisions import Revision, draft_of

STALE = (
    "This page was changed after you had opened it: last by {who}, {when}. "
    "Its state is “{state}” now. Nothing is saved yet, and what you typed is still here. Its "
    "history says what was changed. Save again to put yours in its place."
)


class StaleEdits:
    """For an admin of a Publishable model: its form sends along which state it showed.

    A form that does not say (it was opened before an upgrade) is not compared.
    """

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        if not object_id or request.method != "POST":
            return self._with_state(request, object_id, form_url, extra_context)
        with transaction.atomic():
            raise_version()  # Whoever saves a page waits here for who saves before.
            return self._with_state(request, object_id, form_url, extra_context)

    def _with_state(self, request, object_id, form_url, extra_context):
        page = object_id and self.get_object(request, object_id)
        context = extra_context or {}
        if page:
            context |= {"seen": state_of(page)}
            if request.POST.get("seen", context["seen"]) != context["seen"]:
                request.is_stale = words(page)
        return super().changeform_view(request, object_id, form_url, context)

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change, **kwargs)
        stale = getattr(request, "is_stale", None)

        class Compared(form):
            def clean(self):
                super().clean()
                raise ValidationError(stale)

        return Compared if stale else form


def state_of(page):
    """One word that changes when the page or its draft does."""
    draft = draft_of(page)
    publish_at = page.publish_at.timestamp() if page.publish_at else ""
    drafted = draft.at.timestamp() if draft else ""
    return f"{page.content_version}-{page.status}-{publish_at}-{drafted}"


def words(page):
    latest = Revision.objects.of(page).first()
    who = latest.by_name if latest and latest.by_name else "a colleague"
    when = date_format(timezone.localtime(latest.at), "F j, Y, H:i") if latest else "meanwhile"
    return STALE.format(who=who, when=when, state=page.get_status_display())

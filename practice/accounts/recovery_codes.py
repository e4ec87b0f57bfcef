"""The pages of the recovery codes, also when no key opens the seed that they are made of."""

from functools import wraps

from allauth.mfa.recovery_codes import views
from django.shortcuts import redirect
from django.views.generic.edit import FormView

from ..encryption import DecryptionError


class MakeNew(views.GenerateRecoveryCodesView):
    """Says how many unused codes stop working, or that they can no longer be read."""

    def get_context_data(self, **kwargs):
        try:
            return super().get_context_data(**kwargs)
        except DecryptionError:
            return FormView.get_context_data(self, **kwargs) | {"is_unreadable": True}


def while_readable(view):
    """Leads to new codes when the present ones can no longer be shown or counted."""

    @wraps(view)
    def wrapped(request):
        try:
            return view(request)
        except DecryptionError:
            return redirect("mfa_generate_recovery_codes")

    return wrapped


make_new = MakeNew.as_view()
look = while_readable(views.view_recovery_codes)
download = while_readable(views.download_recovery_codes)

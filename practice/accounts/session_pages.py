"""What staff see of their sessions: where they are signed in, and how long they still are."""

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from . import sessions
from .session_store import StaffSession

OTHERS = "others"


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def own_sessions(request):
    """Lists the browsers in which a person is signed in, and signs them out."""
    if request.method == "POST":
        return _end(request, request.POST.get("end", ""))
    rows = request.user.sessions.filter(expire_date__gt=timezone.now()).order_by("-active_at")
    context = {
        "rows": rows,
        "own": request.session.row,
        "others": OTHERS,
        "idle_minutes": settings.SESSION_IDLE_MINUTES,
        "hours": settings.SESSION_HOURS,
    }
    return render(request, "staff/sessions.html", context)


def _end(request, which):
    if which == OTHERS:
        number = sessions.end_all(request.user, but=request.session)
        messages.success(
            request, f"Signed out of {number} other browser{'' if number == 1 else 's'}."
        )
        return redirect("own_sessions")
    if which == str(request.session.row.handle):
        logout(request)
        return redirect("account_login")
    if _own(request.user, which).delete()[0]:
        messages.success(request, "That browser is signed out.")
    else:
        messages.info(request, "That browser was signed out already.")
    return redirect("own_sessions")


def _own(user, handle):
    try:
        return StaffSession.objects.filter(user=user, handle=handle)
    except ValidationError:
        return StaffSession.objects.none()


@never_cache
@require_http_methods(["GET", "POST"])
def state(request):
    """For the script of an open page: who is signed in, and for how many seconds still.

    A GET changes nothing, so a page may ask as often as it likes. A POST says that the
    person is there, and moves the end on. The token lets a page that was open before
    somebody signed in again save what was typed in it.
    """
    if not request.user.is_authenticated:
        return JsonResponse({"who": "", "left": 0})
    if request.method == "POST":
        request.session.touch()
    return JsonResponse(
        {
            "who": str(request.user.pk),
            "left": request.session.seconds_left,
            "can_go_on": request.session.can_go_on,
            "token": get_token(request),
        }
    )


@admin.action(description="Sign out everywhere", permissions=["change"])
def sign_out_everywhere(model_admin, request, users):
    """For the list of staff accounts: whoever may change an account may end its sessions."""
    for user in users:
        if not model_admin.has_change_permission(request, user):
            model_admin.message_user(request, f"You may not sign {user} out.", messages.ERROR)
            continue
        number = sessions.end_all(user)
        model_admin.log_change(request, user, f"Signed out of {number} browsers.")
        model_admin.message_user(
            request, f"{user} is signed out of {number} browser{'' if number == 1 else 's'}."
        )

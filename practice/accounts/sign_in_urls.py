"""The pages of allauth that staff need, and no more.

Left out on purpose: signing up, and addresses that somebody adds to an account on their own,
to which a link for a new password could then be sent.
"""

from allauth.account import views
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from . import recovery_codes

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="account_login")),
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("reauthenticate/", views.reauthenticate, name="account_reauthenticate"),
    path("password/change/", views.password_change, name="account_change_password"),
    path("password/set/", views.password_set, name="account_set_password"),
    path("password/reset/", views.password_reset, name="account_reset_password"),
    path("password/reset/done/", views.password_reset_done, name="account_reset_password_done"),
    path(
        "password/reset/key/done/",
        views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    # In front of those of the same names and addresses among the rest.
    path("2fa/recovery-codes/", recovery_codes.look, name="mfa_view_recovery_codes"),
    path(
        "2fa/recovery-codes/generate/",
        recovery_codes.make_new,
        name="mfa_generate_recovery_codes",
    ),
    path(
        "2fa/recovery-codes/download/",
        recovery_codes.download,
        name="mfa_download_recovery_codes",
    ),
    path("2fa/", include("allauth.mfa.urls")),
]

"""The admin site: signing in goes through allauth, so that its throttle and second factor hold."""

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.shortcuts import redirect


class PracticeAdminSite(AdminSite):
    site_title = site_header = "Practice admin"
    index_title = "Overview"
    enable_nav_sidebar = False

    def login(self, request, extra_context=None):
        return secure_admin_login(super().login)(request, extra_context)

    def password_change(self, request, extra_context=None):
        """On allauth's page, which is throttled and mails the account's owner."""
        return redirect("account_change_password")

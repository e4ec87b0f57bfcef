"""Editing who we are: the practice, its places and hours, its surgeons, its staff accounts."""

from allauth.account import admin as stock_addresses  # noqa: F401 (registers, to be replaced)
from allauth.account.models import EmailAddress
from allauth.mfa import admin as stock_factors  # noqa: F401 (registers, to be replaced)
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.http import HttpResponseRedirect
from django.urls import reverse

from .content_admin import (
    PUBLICATION,
    NamedFormSet,
    PlainFields,
    PublishableAdmin,
    RowsInline,
)
from .models import Closure, JobRun, Location, OpeningHours, Practice, Surgeon, User
from .read_only_admin import ReadOnlyAdmin


@admin.register(Practice)
class PracticeAdmin(PlainFields, admin.ModelAdmin):
    fieldsets = (
        ("Who we are", {"fields": ("name", "tagline", "summary", "about")}),
        ("How patients reach us", {"fields": ("phone", "email", "emergency_notice")}),
        (
            "Requests",
            {
                "fields": (
                    "time_zone",
                    "first_response_minutes",
                    "new_request_email",
                    "retention_months",
                )
            },
        ),
        ("Pages", {"fields": ("privacy", "accessibility")}),
    )

    def has_add_permission(self, request):
        return super().has_add_permission(request) and not Practice.objects.exists()

    def has_delete_permission(self, request, obj=None):
        return False

    def changelist_view(self, request, extra_context=None):
        """There is one practice, so its list is its page."""
        if self.has_view_or_change_permission(request) and Practice.objects.exists():
            return HttpResponseRedirect(reverse("admin:practice_practice_change", args=[1]))
        if self.has_add_permission(request):
            return HttpResponseRedirect(reverse("admin:practice_practice_add"))
        return super().changelist_view(request, extra_context)


class HoursFormSet(NamedFormSet):
    def clean(self):
        """Two new rows cannot see each other in the database, so they are compared here."""
        super().clean()
        taken = {}
        for form in self.forms:
            row = getattr(form, "cleaned_data", None)
            if not row or row.get("DELETE") or None in (row.get("opens"), row.get("closes")):
                continue
            for opens, closes in taken.setdefault(row.get("weekday"), []):
                if row["opens"] < closes and opens < row["closes"]:
                    form.add_error("opens", "These hours overlap others on the same day.")
                    raise ValidationError("Two openings on the same day overlap.")
            taken[row.get("weekday")].append((row["opens"], row["closes"]))


class HoursInline(RowsInline):
    model = OpeningHours
    formset = HoursFormSet


class ClosureInline(RowsInline):
    model = Closure


@admin.register(Location)
class LocationAdmin(PublishableAdmin):
    list_display = ["name", "city", "is_main", "state"]
    inlines = [HoursInline, ClosureInline]
    fieldsets = (
        (None, {"fields": (("name", "slug"), "is_main", "summary")}),
        (
            "Address",
            {"fields": ("street", ("city", "region"), ("postal_code", "country"))},
        ),
        ("Contact", {"fields": (("phone", "email"),)}),
        ("Getting there", {"fields": ("directions", "parking", "access")}),
        PUBLICATION,
    )


@admin.register(Closure)
class ClosureAdmin(PlainFields, admin.ModelAdmin):
    list_display = ["reason", "first_day", "last_day", "where"]
    list_filter = ["location"]
    list_select_related = ["location"]
    ordering = ["-first_day"]

    @admin.display(description="where", ordering="location")
    def where(self, closure):
        return closure.location or "The whole practice"


@admin.register(Surgeon)
class SurgeonAdmin(PublishableAdmin):
    list_display = ["name", "role", "state", "position", "review_due"]
    search_fields = ["name", "role"]
    fieldsets = (
        (None, {"fields": (("name", "post_nominals"), "slug", "role", "summary", "position")}),
        ("Portrait", {"fields": ("portrait", "portrait_alt")}),
        (
            "Qualifications",
            {
                "fields": (
                    ("certifying_board", "certification_url"),
                    "training",
                    "privileges",
                    "memberships",
                )
            },
        ),
        ("Patients", {"fields": ("languages", "locations")}),
        ("In words", {"fields": ("philosophy", "quote", "quote_source")}),
        ("Sign-in", {"fields": ("user",)}),
        PUBLICATION,
    )


@admin.register(User)
class StaffAdmin(UserAdmin):
    """Permissions come with roles. Only a superuser makes superusers or touches their accounts."""

    formfield_overrides = PlainFields.formfield_overrides
    filter_horizontal = []
    list_display = ["username", "full_name", "email", "roles", "is_active", "last_login"]
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Roles", {"fields": ("is_active", "is_staff", "groups", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    list_filter = ["is_active", "groups"]
    show_full_result_count = False

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("groups")

    def get_readonly_fields(self, request, obj=None):
        dates = ("last_login", "date_joined")
        return dates if request.user.is_superuser else (*dates, "is_superuser")

    def has_change_permission(self, request, obj=None):
        return super().has_change_permission(request, obj) and self._may_touch(request, obj)

    def has_delete_permission(self, request, obj=None):
        return super().has_delete_permission(request, obj) and self._may_touch(request, obj)

    def _may_touch(self, request, user):
        return user is None or not user.is_superuser or request.user.is_superuser

    @admin.display(description="name", ordering="first_name")
    def full_name(self, user):
        return user.get_full_name()

    @admin.display(description="roles")
    def roles(self, user):
        names = [group.name for group in user.groups.all()]
        return ", ".join(["Everything", *names] if user.is_superuser else names)


for model in (Authenticator, EmailAddress, Group):
    admin.site.unregister(model)


@admin.register(Group)
class RoleAdmin(GroupAdmin):
    filter_horizontal = []


@admin.register(Authenticator)
class SecondFactorAdmin(admin.ModelAdmin):
    """To see who has one, and to take away a lost one. Secrets are not shown."""

    list_display = ["user", "type", "created_at", "last_used_at"]
    list_select_related = ["user"]
    fields = list_display

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin, admin.ModelAdmin):
    """When background work last ran: to be looked at."""

    list_display = ["job", "started_at", "finished_at", "last_error"]

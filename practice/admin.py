"""Editing who we are: the practice, its places and hours, its surgeons, its staff accounts."""

from allauth.account import admin as stock_addresses  # noqa: F401 (registers, to be replaced)
from allauth.account.adapter import get_adapter as account_adapter
from allauth.account.models import EmailAddress
from allauth.mfa import admin as stock_factors  # noqa: F401 (registers, to be replaced)
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, UserCreationForm
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.forms import CheckboxSelectMultiple, ModelMultipleChoiceField
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import capfirst

from .accounts.second_factor import take_away
from .accounts.session_pages import sign_out_everywhere
from .accounts.sign_in import ConfirmedAdmin
from .editing.content_admin import (
    PUBLICATION,
    NamedFormSet,
    PlainFields,
    PublishableAdmin,
    RowsInline,
)
from .models import Closure, Location, OpeningHours, Practice, Surgeon, User
from .operations.job_admin import JobRunAdmin  # noqa: F401 (registers itself)


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


LEAVING = (
    "Somebody leaves? Take the tick off “active”. What they did stays on record under their "
    "name, and every open request of theirs goes back to “Unassigned” within a minute."
)


def may_touch(person, account):
    """Whether `person` may change or help `account`: a superuser's only if one themselves."""
    return account is None or not account.is_superuser or person.is_superuser


# Django's own speak of users, groups and this site's login.
ACCOUNT_HELP = {
    "username": "What they type to sign in. Letters, digits and @ . + - _",
    "is_active": "Turn this off instead of deleting the account of somebody who left.",
    "is_staff": "Without this nobody gets into the admin.",
    "groups": "A role decides what somebody sees and may do. docs/roles.md lists it.",
    "is_superuser": "Every page, every request, every account. For one or two people.",
}
VERBS = {"view": "look at", "add": "add", "change": "change", "delete": "delete"}


class StaffPasswordForm(AdminPasswordChangeForm):
    """A password that somebody else sets: its owner is told."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields.pop("usable_password", None)  # Everybody here has a password.

    def save(self, commit=True):
        user = super().save(commit)
        account_adapter().send_notification_mail("account/email/password_changed", user)
        return user


@admin.register(User)
class StaffAdmin(ConfirmedAdmin, PlainFields, UserAdmin):
    """Permissions come with roles. Only a superuser makes superusers or touches their accounts."""

    actions = [sign_out_everywhere]
    change_password_form = StaffPasswordForm
    change_user_password_template = "admin/staff_password.html"  # noqa: S105 (a template)
    add_form = UserCreationForm
    add_form_template = "admin/staff_add.html"
    add_fieldsets = ((None, {"fields": ("username", "password1", "password2")}),)
    filter_horizontal = []
    list_display = ["username", "full_name", "email", "roles", "is_active", "last_login"]
    fieldsets = (
        (None, {"fields": ("username", "new_password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        (
            "Roles",
            {
                "fields": ("is_active", "is_staff", "groups", "is_superuser"),
                "description": LEAVING,
            },
        ),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    list_filter = ["is_active", "groups"]
    show_full_result_count = False

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("groups")

    def get_readonly_fields(self, request, obj=None):
        shown = ("new_password", "last_login", "date_joined")
        if not request.user.is_superuser:
            shown += ("is_superuser",)
        return super().get_readonly_fields(request, obj) + shown

    def get_form(self, request, obj=None, **kwargs):
        return super().get_form(request, obj, **{"help_texts": ACCOUNT_HELP, **kwargs})

    def has_change_permission(self, request, obj=None):
        return super().has_change_permission(request, obj) and self._may_touch(request, obj)

    def has_delete_permission(self, request, obj=None):
        return super().has_delete_permission(request, obj) and self._may_touch(request, obj)

    def _may_touch(self, request, user):
        return may_touch(request.user, user)

    def user_change_password(self, request, *args, **kwargs):
        return self._confirmed(request, super().user_change_password)(request, *args, **kwargs)

    def save_model(self, request, obj, form, change):
        """Tells the old address when links for a new password will go to another."""
        before = form.initial.get("email") if change and "email" in form.changed_data else None
        super().save_model(request, obj, form, change)
        if before:
            account_adapter().send_notification_mail(
                "account/email/address_changed", obj, {"by": str(request.user)}, email=before
            )

    @admin.display(description="password")
    def new_password(self, user):
        return format_html('<a href="{}">Set a new password</a>', "../password/")

    @admin.display(description="name", ordering="first_name")
    def full_name(self, user):
        return user.get_full_name()

    @admin.display(description="roles")
    def roles(self, user):
        names = [group.name for group in user.groups.all()]
        return ", ".join(["Everything", *names] if user.is_superuser else names)


for model in (Authenticator, EmailAddress, Group):
    admin.site.unregister(model)


class PermissionField(ModelMultipleChoiceField):
    def label_from_instance(self, permission):
        verb, _, rest = permission.codename.partition("_")
        kind = capfirst(permission.content_type.name)
        if verb in VERBS and rest == permission.content_type.model:
            return f"{kind}: {VERBS[verb]}"
        return f"{kind}: {permission.name.removeprefix('Can ')}"


@admin.register(Group)
class RoleAdmin(ConfirmedAdmin, GroupAdmin):
    filter_horizontal = []

    def formfield_for_manytomany(self, db_field, request=None, **kwargs):
        """What a role may allow here, in words; what other roles hold stays to be chosen."""
        if db_field.name == "permissions":
            admins = self.admin_site._registry
            inlines = {inline.model for each in admins.values() for inline in each.inlines}
            kinds = ContentType.objects.get_for_models(*inlines.union(admins)).values()
            held = Permission.objects.filter(group__isnull=False)
            kwargs["queryset"] = (
                Permission.objects.filter(Q(content_type__in=kinds) | Q(pk__in=held))
                .select_related("content_type")
                .order_by("content_type__app_label", "content_type__model", "codename")
            )
            kwargs["form_class"] = PermissionField
            kwargs["widget"] = CheckboxSelectMultiple
        return super().formfield_for_manytomany(db_field, request, **kwargs)


@admin.register(Authenticator)
class SecondFactorAdmin(ConfirmedAdmin, admin.ModelAdmin):
    """To see who has one, and to take away a lost one. Secrets are not shown."""

    list_display = ["user", "kind", "created_at", "last_used_at"]
    list_select_related = ["user"]
    when_empty = "Nobody has set one up yet. Who signs in next is asked to."
    fields = list_display

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_view_permission(self, request, obj=None):
        return request.user.has_perm("practice.remove_second_factor")

    def has_delete_permission(self, request, obj=None):
        return self.has_view_permission(request) and may_touch(request.user, obj and obj.user)

    def has_module_permission(self, request):
        return self.has_view_permission(request)

    def get_queryset(self, request):
        """Recovery codes go with the last factor, and are no factor."""
        return super().get_queryset(request).exclude(type=Authenticator.Type.RECOVERY_CODES)

    @admin.display(description="kind", ordering="type")
    def kind(self, factor):
        words = factor.get_type_display()
        return f"{words} “{factor}”" if factor.type == Authenticator.Type.WEBAUTHN else words

    def delete_model(self, request, obj):
        take_away(obj, by=request.user)

    def delete_queryset(self, request, queryset):
        for factor in queryset:
            take_away(factor, by=request.user)

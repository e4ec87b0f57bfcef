"""What every list and page of the admin shares, whoever wrote it: ours, Django's, a library's."""

from functools import cache

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.text import capfirst

from ..templatetags.text import moment


class EveryAdmin:
    """Stands before each ModelAdmin that the site registers (practice/admin_site.py)."""

    @property
    def says_when_empty(self):
        """What an empty list says: an admin's own `when_empty`, or “No closures yet.”"""
        return getattr(self, "when_empty", f"No {self.opts.verbose_name_plural} yet.")

    def get_list_display(self, request):
        return self._with_moments(super().get_list_display(request))

    def get_list_display_links(self, request, list_display):
        return self._with_moments(super().get_list_display_links(request, list_display))

    def get_readonly_fields(self, request, obj=None):
        return self._with_moments(super().get_readonly_fields(request, obj))

    def get_fieldsets(self, request, obj=None):
        fieldsets = super().get_fieldsets(request, obj)
        shown = self.get_readonly_fields(request, obj)
        if obj and not self.has_change_permission(request, obj):
            shown = self._with_moments(flatten_fieldsets(fieldsets))
        return [
            (name, options | {"fields": self._with_moments(options["fields"], among=shown)})
            for name, options in fieldsets
        ]

    def changelist_view(self, request, extra_context=None):
        """The list is called what it holds, not “Select … to change”."""
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, title | (extra_context or {}))

    def get_deleted_objects(self, objs, request):
        """Without the rows that only join two pages: they have no name that anybody knows."""
        shown, counts, *rest = super().get_deleted_objects(objs, request)
        joins = [
            model._meta
            for model in apps.get_models(include_auto_created=True)
            if model._meta.auto_created
        ]
        begins = tuple(f"{capfirst(options.verbose_name)}: " for options in joins)
        many = {options.verbose_name_plural for options in joins}
        counts = {name: number for name, number in counts.items() if name not in many}
        return _without(shown, begins), counts, *rest

    def _with_moments(self, names, among=None):
        """The names of fields, those of moments as what shows them. With `among`, only
        those that it holds."""
        if names is None:
            return None
        shown = []
        for name in names:
            if isinstance(name, (list, tuple)):
                shown.append(self._with_moments(name, among))
                continue
            as_moment = self._moment(name)
            is_wanted = as_moment and (among is None or as_moment in among)
            shown.append(as_moment if is_wanted else name)
        return tuple(shown)

    def _moment(self, name):
        try:
            field = self.opts.get_field(name) if isinstance(name, str) else None
        except FieldDoesNotExist:
            return None
        return _shows(field) if isinstance(field, models.DateTimeField) else None


@cache
def _shows(field):
    """A column, or a field nobody edits, that says when as the whole admin does."""

    @admin.display(description=field.verbose_name, ordering=field.name)
    def shown(row):
        return moment(getattr(row, field.name))

    shown.__name__ = field.name  # The class of its cells, and by which its help is found.
    return shown


def _without(nested, begins):
    kept = []
    for each in nested:
        if isinstance(each, list):
            inside = _without(each, begins)
            if inside:
                kept.append(inside)
        elif not str(each).startswith(begins):
            kept.append(each)
    return kept

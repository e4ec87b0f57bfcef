"""Today's figures for the admin's first page. A tag, because `practice` may not import this app."""

from django import template

from ..admin import dashboard

register = template.Library()


@register.inclusion_tag("admin/consultations/today.html", takes_context=True)
def triage_today(context):
    return dashboard.overview(context["request"].user)

"""The list of all procedures, a page at a time.

How many pages there are is not said: counting the procedures takes longer than showing
some of them, and nobody needs to know.
"""

from functools import lru_cache

from django.conf import settings
from django.http import Http404
from django.urls import reverse

from practice.context_processors import WithFrame
from practice.sql.one_query import NOW

from .models import Category, Procedure


@WithFrame
def first_rows():
    return Category.with_procedures(NOW)


@lru_cache(maxsize=100)
def _rows(number):
    """Those of a later page, after the last row of the page before."""
    start = (number - 1) * Procedure.PER_PAGE - 1
    return WithFrame(lambda: Category.with_procedures(NOW, start, Procedure.PER_PAGE + 2))


def shown(page):
    """What the template shows of the page of this number, a text; None is the first page.

    Raises Http404 for a page that there is not.
    """
    number = _number(page)
    rows = (first_rows if number == 1 else _rows(number)).fetch()
    procedures = rows["procedures"]
    before = procedures[:1] if number > 1 else []
    procedures = procedures[len(before) :]
    if number > 1 and not procedures:
        raise Http404
    categories = Category.grouped(rows["categories"], procedures)
    for category in categories[:1]:
        category.is_continued = category.pk in {each.category_id for each in before}
    found = {"number": number, "categories": categories}
    if number > 1:
        found |= {
            "canonical": settings.SITE_URL + _address(number),
            "previous": _address(number - 1),
        }
    if len(procedures) > Procedure.PER_PAGE:
        found["next"] = _address(number + 1)
    return rows | found


def _number(page):
    if page is None:
        return 1
    # More digits than a database counts rows with are no page either.
    if not (page.isascii() and page.isdigit() and len(page) < 9 and int(page)):
        raise Http404
    return int(page)


def _address(number):
    return reverse("procedure_list") + (f"?page={number}" if number > 1 else "")

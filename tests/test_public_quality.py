"""What every public page promises: sound markup, small size, nothing hidden in it."""

import brotli
import pytest

from practice.caching.prepared_page import QUICK
from procedures.models import Procedure
from tests import html_rules
from tests.whole_site import FOUND, PROCEDURE, STATUS

pytestmark = [pytest.mark.django_db, pytest.mark.once]

MOST_HTML = 14_000
MOST_FIRST_ROUND_TRIP = 14_600  # What ten packets bring, before the first answer to them.
MOST_FIRST_VIEW = 60 * 1024


@pytest.fixture
def sources(whole_site, client):
    """Name → source of every public page."""
    responses = {name: client.get(address) for name, address in whole_site.items()}
    statuses = {name: response.status_code for name, response in responses.items()}
    assert statuses == {name: STATUS.get(name, 200) for name in whole_site}
    return {name: response.content.decode() for name, response in responses.items()}


def test_the_pages_show_everything_they_can(sources):
    """Else the other tests here would look at half a site."""
    for name, part in {
        "procedure": 'class="hero"',
        "search with results": "<mark>",
        "search without results": "Nothing found",
        "received": "Did you mean ada@gmail.com?",
        "private page": "Add photographs",
        "form": " selected>Selective neurolysis<",
        "form with errors": "There is a problem",
        "form not received": "We did not receive your request",
    }.items():
        assert part in sources[name], name
    for part in ("data-compare", 'class="diagram"', 'class="timeline"', 'class="related"'):
        assert part in sources["procedure"]


def test_every_page_is_sound_html_in_good_order(sources):
    broken = {name: html_rules.problems(source) for name, source in sources.items()}

    assert {name: found for name, found in broken.items() if found} == {}


@pytest.mark.parametrize("rule", ["headings", "references"])
def test_pages_of_an_empty_site_are_sound_as_well(client, rule):
    for name, address in FOUND.items():
        response = client.get(address or "/search/")
        if response.status_code == 200:
            assert getattr(html_rules, rule)(response.content.decode()) == [], name


# --- Size -------------------------------------------------------------------------------------


@pytest.fixture
def collected(settings, tmp_path):
    """The folder of our static files as production has them."""
    from django.core.management import call_command

    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "practice.http.static_storage.StaticStorage"}
    }
    # The stock admin's files take long, and no page here asks for them.
    ignored = ["admin"]
    call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=ignored)
    return tmp_path


def compressed(source):
    return len(brotli.compress(source.encode(), quality=QUICK))


def test_a_page_arrives_at_once_on_a_slow_line(collected, sources):
    css = next(collected.glob("css/site.????????????.css.br")).stat().st_size
    font = next(collected.glob("fonts/newsreader-basic.????????????.woff2")).stat().st_size
    sizes = {name: compressed(source) for name, source in sources.items()}
    addresses = [each.get_absolute_url() for each in Procedure.objects.published()]
    assert PROCEDURE in addresses

    assert {name: size for name, size in sizes.items() if size > MOST_HTML} == {}
    assert max(sizes.values()) + css + font <= MOST_FIRST_VIEW
    assert sizes["procedure"] == max(sizes.values())
    assert sizes["procedure"] + css <= MOST_FIRST_ROUND_TRIP


def test_a_page_asks_for_one_stylesheet_one_for_paper_and_one_font(collected, sources):
    for name, source in sources.items():
        page = html_rules.tree(source)
        links = [each for each in page.iter("link") if each.get("rel") == "stylesheet"]
        of_staff = [None] if name == "sign-in" else []
        assert [each.get("media") for each in links] in ([None, "print", *of_staff], [None]), name
        for each in links:
            path = collected / each.get("href").removeprefix("/static/")
            assert "@import" not in path.read_text(), name
        fonts = [each for each in page.iter("link") if each.get("rel") == "preload"]
        assert len(fonts) <= 1, name
        if name == "sign-in":  # For staff: passkeys bring their library's scripts.
            continue
        scripts = [each for each in page.iter("script") if each.get("src")]
        assert len(scripts) <= (2 if name == "procedure" else 1), name
        assert all(each.get("type") == "module" for each in scripts), name


# --- Reading and acting without style sheets and scripts ----------------------------------------


def test_what_a_reader_came_for_stands_first(sources):
    for name, source in sources.items():
        main = html_rules.tree(source).find(".//main")
        h1 = main.find(".//h1")
        before = html_rules.text(main).partition(html_rules.text(h1))[0]
        assert len(before) < 150, name


def test_every_form_can_be_sent_without_a_script(sources):
    for name, source in sources.items():
        for form in html_rules.tree(source).iter("form"):
            assert form.get("action"), name
            buttons = [each for each in form.iter("button") if each.get("type") != "button"]
            assert len(buttons) == 1, name
            if form.get("method") == "post":
                assert [e for e in form.iter("input") if e.get("name") == "csrfmiddlewaretoken"]

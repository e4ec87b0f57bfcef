"""Site search: what is found, in which order, how it is shown, and that it stays quick."""

import re
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from practice import search
from practice.search import MOST_INSTEAD, NAME, SUMMARY, SYNONYM, TEXT, Entry, Index, words
from procedures.models import Procedure
from tests.pages import Page


def entry(title, summary="", text="", synonyms=()):
    places = ((title, NAME), (summary, SUMMARY), (text, TEXT))
    places += tuple((synonym, SYNONYM) for synonym in synonyms)
    return Entry("Procedure", title, f"/{title.lower()}/", summary, places)


NOSE = entry(
    "Rhinoplasty",
    "Surgery that changes the nose.",
    "Bone is shaped. Swelling lasts for weeks.\nSwelling and pain are usual.",
    ["nose job"],
)
LIDS = entry("Blepharoplasty", "Surgery of the eyelids.", "Some pain. Bell's palsy is rare.")
FACE = entry("Facelift", "Ageing.", "The nose is left alone. Pain, and a résumé of it.")
INDEX = Index([NOSE, LIDS, FACE])


def titles(query, index=INDEX):
    return [each.title for each in index.find(query).entries[0:20]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("rhinoplasty", ["Rhinoplasty"]),
        ("RHINOPLASTY!", ["Rhinoplasty"]),
        ("rinoplasty", ["Rhinoplasty"]),  # A letter is missing.
        ("rhinoplatsy", ["Rhinoplasty"]),  # Two have changed places.
        ("nose job", ["Rhinoplasty", "Facelift"]),  # A synonym before a text.
        ("the nose", ["Rhinoplasty", "Facelift"]),  # “the” says nothing.
        ("face", ["Facelift"]),  # The beginning of a word.
        ("bells palsy", ["Blepharoplasty"]),
        ("Bell’s palsy", ["Blepharoplasty"]),
        ("resume", ["Facelift"]),  # Accents do not count.
        ("swelling pain", ["Rhinoplasty", "Blepharoplasty", "Facelift"]),  # Both before one.
        ("eyelids swelling xqzzw", []),  # One of three is less than half.
        ("xqzzw", []),
        ("?!", []),
    ],
)
def test_what_is_found_and_in_which_order(query, expected):
    assert titles(query) == expected


def test_a_correction_is_told():
    assert INDEX.find("rinoplasty").understood == ["rhinoplasty"]
    assert INDEX.find("rhinoplasty").understood == ["rhinoplasty"]
    assert INDEX.find("xqzzw").understood == ["xqzzw"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("rhinoplasty", "Surgery that changes the nose."),  # In none: the summary.
        ("swelling", "Swelling lasts for weeks."),  # The first that holds it.
        ("swelling pain", "Swelling and pain are usual."),  # The one with both.
        ("nose pain", "Surgery that changes the nose."),  # One word each: the first.
    ],
)
def test_the_sentence_that_is_shown_holds_most_of_the_words(query, sentence):
    assert search._sentence(NOSE, INDEX.find(query)) == sentence


def test_an_answer_is_shown_from_its_beginning():
    answer = "Often not. The nose is held by a splint.\n\nThat comes off in a week."
    places = (("Will it be packed?", SUMMARY), (answer, TEXT))
    packed = Entry("Question · Rhinoplasty", "Will it be packed?", "/", "", places, is_answer=True)

    for query in ("packed", "splint", "week"):
        shown = search._sentence(packed, INDEX.find(query))
        assert shown == "Often not. The nose is held by a splint."


@pytest.mark.django_db
def test_a_question_that_is_found_names_its_procedure(client, procedure):
    procedure.faqs.create(question="Will it be packed?", answer="Often not.")

    page = Page(client.get("/search/?q=packed"))

    assert "Question · Rhinoplasty Will it be packed? Often not." in page.text


def test_words_of_a_sentence_are_marked_and_the_rest_is_text():
    assert search._marked("Bell’s palsy.", ["bells"]) == "<mark>Bell’s</mark> palsy."
    marked = search._marked("Is <b> the Nose, a nose?", ["nose"])
    assert marked == "Is &lt;b&gt; the <mark>Nose</mark>, a <mark>nose</mark>?"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Bell's PALSY", ["bells", "palsy"]), ("Crème—brûlée 2×", ["creme", "brulee", "2"])],
)
def test_words_are_small_letters_and_digits(text, expected):
    assert words(text) == expected


def test_of_many_only_those_that_are_shown_are_ranked_and_read(monkeypatch):
    many = [entry(f"Operation {n:04}", "Summary.", "It is done. " * 20) for n in range(500)]
    index = Index([NOSE, *many])
    read = []
    monkeypatch.setattr(
        search, "plain", lambda text: read.append(text) or text
    )  # Called for each text that is taken apart.

    found = index.find("operation")
    shown = found.entries[10:20]
    sentences = [search._sentence(each, found) for each in shown]

    assert len(found.entries) == 500
    assert [each.title for each in shown] == [f"Operation {n:04}" for n in range(10, 20)]
    assert sentences == ["Summary."] * 10
    assert len(read) == 10


# --- The page ---------------------------------------------------------------------------------


@pytest.fixture
def many(procedure):
    def many(number):
        Procedure.objects.bulk_create(
            Procedure(
                name=f"Operation {n:03}",
                slug=f"operation-{n:03}",
                category=procedure.category,
                summary="An operation.",
                status="published",
            )
            for n in range(number)
        )

    return many


@pytest.fixture
def see(client):
    def see(query, number=None):
        page = f"&page={number}" if number else ""
        response = client.get(f"/search/?q={quote(query)}{page}")
        assert response.status_code == 200
        return Page(response)

    return see


@pytest.mark.django_db
def test_results_come_page_by_page_and_each_once(practice, many, see):
    many(25)
    found, pages, number = [], [], 1
    while True:
        page = see("operation", number)
        pages.append(page)
        found += [link for link in page.links if link.startswith("/procedures/operation-")]
        if f"?q=operation&page={number + 1}" not in page.links:
            break
        number += 1

    assert found == [f"/procedures/operation-{n:03}/" for n in range(25)]
    assert [len(page.text.split("Procedure Operation")) - 1 for page in pages] == [10, 10, 5]
    assert "25 results for “operation”" in pages[2].text
    assert "Page 3 of 3" in pages[2].text
    assert "page 2 of 3" in pages[1].title
    assert "?q=operation" in pages[1].links
    assert "page" not in pages[0].title


@pytest.mark.django_db
@pytest.mark.parametrize("number", ["0", "4", "-1", "a", "9" * 30])
def test_a_page_of_results_that_there_is_not_is_not_found(practice, many, client, number):
    many(25)
    assert client.get(f"/search/?q=operation&page={number}").status_code == 404


@pytest.mark.django_db
def test_few_results_have_no_pages(practice, many, see):
    many(10)
    page = see("operation")
    assert "Page 1" not in page.text
    assert "10 results for" in page.text


@pytest.mark.django_db
def test_who_types_a_query_with_signs_keeps_it_from_page_to_page(practice, many, see):
    many(25)
    page = see("operation & “100%”")
    assert "?q=operation+%26+%E2%80%9C100%25%E2%80%9D&page=2" in page.links
    assert "Page 2 of 3" in see("operation & “100%”", 2).text


@pytest.mark.django_db
@pytest.mark.parametrize(("number", "is_all"), [(19, True), (20, False)])
def test_who_found_nothing_sees_some_procedures_and_the_way_to_all(
    practice, many, see, number, is_all
):
    many(number)  # And the one that is there.
    page = see("xqzzw")
    assert "Nothing found for “xqzzw”" in page.text
    shown = [link for link in page.links if re.fullmatch("/procedures/.+/", link)]
    assert len(shown) == MOST_INSTEAD
    assert ("All procedures" in page.text) is not is_all


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["operation", "oper", "opertaion", "xqzzw", "operation nose", ""])
def test_a_search_asks_the_database_as_often_among_many(practice, many, see, query):
    def cost():
        see(query)
        with CaptureQueriesContext(connection) as asked:
            see(query)
        return len(asked)

    few = cost()
    many(120)
    assert cost() == few
    assert few == 1

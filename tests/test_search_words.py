"""By which words a request is found, and that they follow what they were made of."""

import pytest

from consultations import privacy, search_words
from consultations.admin import search
from consultations.models import ConsultationRequest
from consultations.patient_page import patient_acts
from consultations.search_words import SearchWord
from consultations.staff_work import staff_acts

pytestmark = pytest.mark.django_db


@pytest.fixture
def found(coordinator):
    """`found("typed")` are the names that a coordinator's search shows, newest first."""

    def found(query, user=coordinator, number=50):
        requests = ConsultationRequest.objects.visible_to(user)
        return [row.full_name for row in search.Found(requests, query, user)[0:number]]

    return found


@pytest.mark.parametrize(
    ("name", "queries"),
    [
        ("Zoë Müller", ["zoe", "ZOË", "muller", "Müll", "zoë müller", "muller zoe"]),
        ("Søren Ó Briain", ["soren", "o briain", "briain", "Ó Briain"]),
        ("Łukasz Đorđević", ["lukasz", "dordevic", "ŁUKASZ"]),
        (
            "Siobhan O'Neil-Day",
            ["o'neil", "oneil", "ONeil-Day", "neil", "day", "o’neil", "s oneil"],
        ),
        ("Anne-Marie de la Cruz", ["anne", "marie", "annemarie", "anne-ma", "de la cruz", "cruz"]),
        ("Weiß", ["weiss", "WEISS", "weiß"]),
        ("王小明", ["王", "王小"]),
        ("J. Smith", ["j smith", "j. smith", "j", "smith j"]),
        ("Иван Петров", ["иван", "ПЕТР"]),
    ],
)
def test_a_name_is_found_however_it_is_written(a_request, found, name, queries):
    a_request(full_name="Somebody Else")
    a_request(full_name=name)
    for query in queries:
        assert found(query) == [name], query


@pytest.mark.parametrize(
    "query", ["ada zz", "ada eve", "lovelacex", "a", "l", "da", "-", "@", "ada@"]
)
def test_every_typed_word_must_begin_a_word(a_request, found, query):
    a_request(full_name="Ada Lovelace", email="x@example.com", status="closed")
    assert found(query) == []


def test_the_name_they_go_by_and_the_guardian_are_found_too(a_request, found):
    a_request(full_name="Margaret Bloggs", preferred_name="Maggie", guardian_name="Rita Day")
    for query in ("maggie", "rita", "bloggs maggie", "rita bloggs"):
        assert found(query) == ["Margaret Bloggs"]


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("m.bloggs@example.com", True),
        ("M.BLOGGS@Example", True),
        ("bloggs@", True),
        ("loggs@", False),
        ("m.bloggs@example.org", False),
        ("+44 20 7946 0155", True),
        ("442079460155", True),
        ("7946 0155", True),
        ("0155", True),
        ("155", False),
        ("4420", False),
    ],
)
def test_addresses_and_numbers_of_closed_requests(a_request, found, query, is_found):
    a_request(email="m.bloggs@example.com", phone="+442079460155", status="closed")
    assert bool(found(query)) is is_found


@pytest.mark.parametrize("query", ["amp", "amp@ex", "2079"])
def test_inside_words_only_open_requests_are_looked_at(a_request, found, query):
    details = {"email": "campbell.lamp@example.com", "phone": "+442079460155"}
    a_request(full_name="Campbell", **details)
    a_request(full_name="Campbell closed", status="closed", **details)
    assert found(query) == ["Campbell"]


def test_beginnings_come_alone_where_there_are_any(a_request, found):
    a_request(full_name="Campbell")
    a_request(full_name="Bell")
    assert found("bell") == ["Bell"]


def test_matches_come_newest_first_each_once_and_page_by_page(a_request, coordinator, practice):
    rows = [a_request(full_name=f"Anna Annabel Annika {n}", preferred_name="Ann") for n in range(9)]
    requests = ConsultationRequest.objects.all()
    newest = [row.pk for row in reversed(rows)]
    for size in (1, 2, 5, 50):
        pages = [
            [row.pk for row in search.Found(requests, "ann", coordinator)[start : start + size]]
            for start in range(0, 9, size)
        ]
        assert [key for page in pages for key in page] == newest


def test_a_surgeon_s_pages_of_matches_are_full(a_request, surgeon_user, surgeon, found):
    for number in range(40):
        theirs = {"surgeon": surgeon} if number % 8 == 0 else {}
        a_request(full_name=f"Ann {number}", **theirs)
    assert found("ann", surgeon_user, number=4) == ["Ann 32", "Ann 24", "Ann 16", "Ann 8"]
    assert len(found("ann", surgeon_user)) == 5


def test_all_that_is_found_can_be_exported(a_request, coordinator):
    reference = a_request(full_name="Other", reference="ADAXX-00000")
    ada = a_request(full_name="Ada Xx")
    a_request(full_name="Somebody")
    every = search.Found(ConsultationRequest.objects.all(), "adaxx", coordinator).every()
    assert set(every) == {reference}
    every = search.Found(ConsultationRequest.objects.all(), "ada", coordinator).every()
    assert set(every) == {ada}


# --- They follow the request -----------------------------------------------------------------


def test_a_correction_by_staff_is_found_and_what_was_wrong_is_not(a_request, coordinator, found):
    row = a_request(full_name="Ann", preferred_name="Misspelt", status="closed")
    changes = {"preferred_name": "Annie", "email": "annie@example.com", "phone": "+442079460155"}
    seen = {name: getattr(row, name) for name in changes}
    old = [seen["email"], str(seen["phone"]), "misspelt"]
    staff_acts.correct(row, seen, changes, by=coordinator)
    for query in ("annie", "annie@example.com", "+442079460155"):
        assert found(query) == ["Ann"]
    for query in old:
        assert found(query) == []


def test_a_correction_by_the_patient_is_found_and_what_was_wrong_is_not(a_request, found):
    row = a_request(full_name="Ann", status="closed")
    was = row.email
    patient_acts.correct_contact(
        row, vars(row), {"phone": "+442079460155", "email": "ann@example.org"}
    )
    assert found("ann@example.org") == found("79460155") == ["Ann"]
    assert found(was) == []


def test_a_refused_correction_leaves_the_words_alone(a_request, coordinator):
    row = a_request(preferred_name="Now")
    words = set(SearchWord.objects.values_list("word", flat=True))
    with pytest.raises(staff_acts.TriageError):
        staff_acts.correct(
            row, {"preferred_name": "Before"}, {"preferred_name": "Later"}, by=coordinator
        )
    assert set(SearchWord.objects.values_list("word", flat=True)) == words


def test_erasing_a_request_erases_its_words(a_request, coordinator):
    row, other = a_request(full_name="Gone"), a_request(full_name="Stays")
    privacy.erase(row, reason="Asked for", by=coordinator)
    assert set(SearchWord.objects.values_list("request", flat=True)) == {other.pk}


def test_the_worker_gives_words_to_requests_of_an_earlier_version(a_request, found):
    rows = [a_request(full_name=f"Ada {number}", status="closed") for number in range(3)]
    SearchWord.objects.filter(request__in=rows[:2]).delete()
    assert found("ada") == ["Ada 2"]
    assert search_words.catch_up() == 2
    assert found("ada") == ["Ada 2", "Ada 1", "Ada 0"]
    assert search_words.catch_up() == 0


def test_catching_up_takes_so_many_at_once_the_newest_first(a_request, found, monkeypatch):
    for number in range(3):
        a_request(full_name=f"Ada {number}", status="closed")
    SearchWord.objects.all().delete()
    monkeypatch.setattr(search_words, "MOST_AT_ONCE", 2)
    search_words.catch_up()
    assert found("ada") == ["Ada 2", "Ada 1"]


def test_what_the_patient_wrote_is_no_word(a_request):
    a_request(message="Synkinesis after palsy", interpreter_language="Tamil")
    words = " ".join(SearchWord.objects.values_list("word", flat=True))
    assert "synkinesis" not in words
    assert "tamil" not in words
    assert str(SearchWord.objects.first()).startswith("Search word ")

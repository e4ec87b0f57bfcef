"""The words by which a request is found, so that a search looks into an index, not at requests.

Nothing here may find what a patient wrote: only the names, the e-mail address and the phone
number are taken apart. The words are as personal as those, and are erased with the request.
"""

import re
import unicodedata

from django.db import models

SEARCHED = ("full_name", "preferred_name", "guardian_name", "email", "phone")
MOST_OF_ADDRESS = 4
# How many requests without words one round of the worker takes on.
MOST_AT_ONCE = 20_000
# Letters that Unicode does not take apart into a plain one and its accent.
PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"})
PART = re.compile(r"[^\W_]+")
# Before an address, which would otherwise be found a second time by every name in it; and
# before a phone number that is written backwards, because callers say its last digits.
ADDRESS, BACKWARDS = "@", "-"


class SearchWord(models.Model):
    """One word of a request. A search matches its beginning."""

    request = models.ForeignKey(
        "consultations.ConsultationRequest", models.CASCADE, related_name="+", db_index=False
    )
    word = models.CharField(max_length=254)
    # The request's own, which never changes: matches come newest first off the index alone.
    received_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "word"], name="one_word_once")]
        indexes = [
            models.Index(
                fields=["word", "received_at", "request"],
                # Beginnings are read off the index in whatever language the database sorts.
                opclasses=["varchar_pattern_ops", "timestamptz_ops", "int8_ops"],
                name="words_by_arrival",
            ),
        ]

    def __str__(self):
        return f"Search word {self.pk}"


def folded(text: str) -> str:
    """In small letters without accents: “Søren Ó Briain” as “soren o briain”."""
    apart = unicodedata.normalize("NFKD", text.casefold().translate(PLAIN))
    return "".join(each for each in apart if not unicodedata.combining(each))


def name_words(text: str) -> set[str]:
    """A double name counts whole and from each part on: “O'Neil-Day” is oneilday, neilday, day."""
    found = set()
    for token in folded(text).split():
        parts = PART.findall(token)
        found |= {"".join(parts[start:]) for start in range(len(parts))}
    return found


def address_words(email: str) -> set[str]:
    """The address from each part of its name on: “m.day@…” and “day@…”."""
    address = folded(email)
    name = address.partition("@")[0]
    starts = [part.start() for part in PART.finditer(name)][:MOST_OF_ADDRESS]
    return {ADDRESS + address[start:] for start in {0, *starts}} if address else set()


def address_word(typed: str) -> str:
    """An address, or one from a part of its name on, as it is looked for."""
    return ADDRESS + folded(typed)


def phone_word(phone) -> str:
    """A whole number, or the last digits of one, as it is looked for; "" without a digit."""
    digits = re.sub(r"\D", "", str(getattr(phone, "as_e164", phone) or ""))
    return BACKWARDS + digits[::-1] if digits else ""


def words_of(request) -> set[str]:
    """Every word by which this request is found."""
    found = address_words(request.email) | {phone_word(request.phone)}
    for name in (request.full_name, request.preferred_name, request.guardian_name):
        found |= name_words(name)
    return {word[:254] for word in found if word}


def rows_of(request) -> list[SearchWord]:
    """One for each word, not yet stored."""
    return [
        SearchWord(request=request, word=word, received_at=request.received_at)
        for word in sorted(words_of(request))
    ]


def store_new(requests) -> None:
    """For requests that have no words yet, in one statement."""
    SearchWord.objects.bulk_create(
        [row for request in requests for row in rows_of(request)], batch_size=5000
    )


def follow(request) -> None:
    """After a name, the address or the number has changed; call it in the same transaction."""
    kept = SearchWord.objects.filter(request=request)
    kept.exclude(word__in=words_of(request)).delete()
    SearchWord.objects.bulk_create(rows_of(request), ignore_conflicts=True)


def catch_up() -> int:
    """Gives words to requests that have none, newest first: an earlier version of the site
    stored them before this one, or beside it while servers were changed. How many."""
    requests = SearchWord._meta.get_field("request").related_model.objects
    wordless = requests.filter(
        ~models.Exists(SearchWord.objects.filter(request=models.OuterRef("pk")))
    )
    found = list(wordless.order_by("-pk").only("received_at", *SEARCHED)[:MOST_AT_ONCE])
    store_new(found)
    return len(found)

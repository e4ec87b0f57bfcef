"""Finding a request by what a caller says: name, reference, e-mail address or phone number.

Never by what they wrote: that is encrypted, and searching it would mean reading it.

A search looks for beginnings of words in `search_words`, whose index answers it as quickly
among a million requests as among a thousand. What stands in the middle of a word is looked
for among open requests alone, and only where no beginning was found.
"""

import re

import phonenumbers
from django.conf import settings
from django.db.models import Exists, OuterRef, Q

from ..search_words import SearchWord, address_word, name_words, phone_word

# Crockford's base 32: what people read or hear instead of a digit.
LOOK_ALIKES = str.maketrans("OIL", "011")
FEWEST_DIGITS = FEWEST_CHARACTERS = 4
MOST_WORDS = 8
# Five characters of a reference fit one request in a million, or a handful.
MOST_BY_REFERENCE = 50
# In one query: SQLite takes no longer lists everywhere.
MOST_KEYS = 500


class Found:
    """The requests of one search as a part of the inbox: first those of the reference, then
    the others, newest first. A slice of it is a list."""

    def __init__(self, requests, query: str, user):
        query = " ".join(query.replace("\0", " ").split())  # PostgreSQL takes no NUL.
        self.requests = requests
        self.by_reference = _by_reference(requests, query)
        self.words = _words(query)
        self.sees_all = user.has_perm("consultations.view_every_request")
        self.instead = None
        if not self.by_reference and not self.words.exists():
            self.instead = _inside_words(requests, query).order_by("-received_at", "pk")

    def __getitem__(self, span):
        if self.instead is not None:
            return list(self.instead[span])
        keys = self._keys(span.stop)[span.start :]
        rows = self.requests.in_bulk(keys)
        return [rows[key] for key in keys if key in rows]

    def _keys(self, number):
        """The first `number`, each once: several words of one request may match."""
        matches = self.words.order_by("-received_at", "-request_id")
        matches = matches.values_list("request_id", flat=True)
        looked_at = 2 * number
        while True:
            found = list(matches[:looked_at])
            keys = self._visible(list(dict.fromkeys([*self.by_reference, *found])))
            if len(keys) >= number or len(found) < looked_at:
                return keys[:number]
            looked_at *= 4

    def _visible(self, keys):
        """Those that this person may see. Asked for by key: joined with the search, the
        database would rather read all requests."""
        if self.sees_all:
            return keys
        seen = set()
        for start in range(0, len(keys), MOST_KEYS):
            some = self.requests.filter(pk__in=keys[start : start + MOST_KEYS])
            seen.update(some.order_by().values_list("pk", flat=True))
        return [key for key in keys if key in seen]

    def every(self):
        """All of them as a queryset."""
        if self.instead is not None:
            return self.instead
        keys = self.words.order_by().values("request")
        if self.by_reference:
            keys = keys.union(self.requests.filter(pk__in=self.by_reference).values("pk"))
        return self.requests.filter(pk__in=keys)


def by_reference(query):
    """From five characters on, in any case, with or without the dash."""
    plain = re.sub(r"[\s-]", "", query).upper().translate(LOOK_ALIKES)
    if not re.fullmatch(r"[0-9A-Z]{5,10}", plain):
        return Q()
    reference = f"{plain[:5]}-{plain[5:]}"
    if len(plain) == 10:
        return Q(reference=reference)
    # Between these two, because SQLite cannot read a beginning off an index.
    last = reference.ljust(11, "Z")
    return Q(reference__startswith=reference, reference__range=(reference, last))


def _by_reference(requests, query):
    wanted = by_reference(query)
    if not wanted:
        return []
    return list(requests.filter(wanted).values_list("pk", flat=True)[:MOST_BY_REFERENCE])


def _words(query):
    """The words that match what was typed; of several typed, those of requests that have all."""
    if _is_phone(query):
        return _phone(query)
    if "@" in query:
        is_enough = len(query) >= FEWEST_CHARACTERS and " " not in query
        return _beginning(address_word(query)) if is_enough else SearchWord.objects.none()
    typed = sorted({_as_one(token) for token in query.split()} - {""}, key=len, reverse=True)
    if not typed:
        return SearchWord.objects.none()
    # The longest is most often the rarest. A single letter narrows others down; alone it is
    # only an initial, since a quarter of all names may begin with it.
    first, *others = typed[:MOST_WORDS]
    words = _beginning(first) if len(first) > 1 else SearchWord.objects.filter(word=first)
    for other in others:
        words = words.filter(Exists(_beginning(other).filter(request=OuterRef("request"))))
    return words


def _beginning(word):
    return SearchWord.objects.filter(word__startswith=word)


def _as_one(token):
    """A typed word as it is kept: “O'Neil-Da” as “oneilda”."""
    return max(name_words(token), key=len, default="")


def _is_phone(query):
    return bool(re.fullmatch(r"[\d\s()+./x-]+", query)) and any(map(str.isdigit, query))


def _phone(query):
    """A whole number exactly, however it is written, or the last four or more digits of one."""
    digits = re.sub(r"\D", "", query)
    if len(digits) < FEWEST_DIGITS:
        return SearchWord.objects.none()
    whole = _whole_number(query)
    if whole:
        return SearchWord.objects.filter(word=phone_word(whole))
    return _beginning(phone_word(digits))


def _whole_number(query):
    try:
        number = phonenumbers.parse(query, settings.PHONENUMBER_DEFAULT_REGION)
    except phonenumbers.NumberParseException:
        return None
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _inside_words(requests, query):
    """Open requests that hold what was typed anywhere in a name, the address or the number."""
    digits = re.sub(r"\D", "", query)
    found = Q()
    if _is_phone(query):
        if len(digits) >= FEWEST_DIGITS:
            found = Q(phone__contains=digits)
    elif "@" in query:
        if len(query) >= FEWEST_CHARACTERS:
            found = Q(email__icontains=query)
    else:
        for word in query.split()[:MOST_WORDS]:
            found &= (
                Q(full_name__icontains=word)
                | Q(preferred_name__icontains=word)
                | Q(guardian_name__icontains=word)
            )
    return requests.open().filter(found) if found else requests.none()

"""Site search over procedures, surgeons and questions: forgiving about names and typing errors.

Matching happens in Python on an index of the published pages, kept until one of them
changes. What did not change is taken over into the next index. Words that are nearly right
are looked for among those that share letters with them, and sentences are only read of the
few results that a page shows, so a thousand pages take no longer than ten.
"""

import re
import threading
import unicodedata
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from heapq import nsmallest
from itertools import groupby, takewhile
from urllib.parse import urlencode

from django.core.paginator import InvalidPage, Paginator
from django.http import Http404
from django.shortcuts import render
from django.utils.html import format_html, format_html_join
from django.views.decorators.http import require_safe

from procedures import editorial
from procedures.models import Faq, Procedure

from .caching import edition
from .context_processors import WithFrame, frame
from .models import Surgeon
from .page_cache import same_for_everyone
from .sql.one_query import NOW
from .templatetags.text import plain

WORD = re.compile(r"[a-z0-9]+")
WHOLE_WORD = re.compile(r"(\w+(?:['’-]\w+)*)")
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
LINK_TARGET = re.compile(r"\]\([^)]*\)")
# Words that say nothing about what is looked for.
STOP_WORDS = frozenset(
    (
        *("a", "an", "and", "are", "at", "be", "can", "do", "does", "for", "from", "how", "i"),
        *("if", "in", "is", "it", "me", "my", "of", "on", "or", "the", "to", "what", "when"),
        *("which", "who", "will", "with", "you", "your", "surgery", "surgeon", "procedure"),
    )
)
MOST_QUERY = 100
PER_PAGE = 10
# Procedures to look through for somebody who found nothing.
MOST_INSTEAD = 20
# As many words as are compared letter by letter with one that nobody wrote.
MOST_LIKELY = 60
# Where a word was found, and what that is worth.
NAME, SYNONYM, SUMMARY, TEXT = 12, 10, 4, 1


@dataclass(frozen=True)
class Entry:
    """One thing that can be found. `places` are (Markdown, what a word in it is worth)."""

    kind: str
    title: str
    url: str
    summary: str
    places: tuple[tuple[str, int], ...]
    # An answer is understood from its beginning only.
    is_answer: bool = False

    @cached_property
    def worth(self):
        """Each word with its best place's worth."""
        found = {}
        for text, worth in self.places:
            for word in words(LINK_TARGET.sub(" ", text)):
                found[word] = max(worth, found.get(word, 0))
        return found

    @cached_property
    def sentences(self):
        """The summary first, then those of the texts; of an answer the first two, as one."""
        texts = [plain(text) for text, worth in self.places if worth == TEXT]
        found = [sentence for text in texts for sentence in SENTENCE.split(text)]
        if self.is_answer:
            return [" ".join(found[:2])]
        return [sentence for sentence in (self.summary, *found) if sentence]


@dataclass(frozen=True)
class Found:
    """What a query found: entries, best first, and how each of its words was understood."""

    entries: list[Entry]
    # For each word that was typed, its forms in the vocabulary, the likeliest first.
    forms: list[list[str]]
    understood: list[str]


class Index:
    """Every entry, and for each word which entries hold it, by what that is worth."""

    def __init__(self, entries):
        self.entries = entries
        self.holders = {}
        for number, entry in enumerate(entries):
            for word, worth in entry.worth.items():
                self.holders.setdefault(word, {}).setdefault(worth, []).append(number)
        self.vocabulary = sorted(self.holders)
        self.words_with = {}
        for word in self.vocabulary:
            for letters in _letters(word):
                self.words_with.setdefault(letters, []).append(word)

    def find(self, query) -> Found:
        """Entries that hold at least half of the words of what somebody typed."""
        asked = [word for word in words(query) if word not in STOP_WORDS] or words(query)
        forms = [self.spelled(word) for word in asked[:12]]
        scores, hits = {}, Counter()
        for each in forms:
            best = self._best(each)
            hits.update(best.keys())
            for number, worth in best.items():
                scores[number] = scores.get(number, 0) + worth
        numbers = [number for number, count in hits.items() if count * 2 >= len(forms)]
        return Found(
            Ranked(self.entries, numbers, hits, scores),
            [[word for word, _ in each] for each in forms],
            [each[0][0] if each else word for each, word in zip(forms, asked, strict=False)],
        )

    def _best(self, forms):
        """{number of an entry: what the best of these forms is worth in it}"""
        best = {}
        for word, likeness in forms:
            for worth, numbers in self.holders[word].items():
                worth *= likeness
                for number in numbers:
                    if worth > best.get(number, 0):
                        best[number] = worth
        return best

    def spelled(self, word):
        """The vocabulary's forms of a word with their likeness: itself, longer ones, close ones."""
        if word in self.holders:
            forms = [(word, 1.0)]
        else:
            close = get_close_matches(word, self._likely(word), n=3, cutoff=0.78)
            forms = [(each, 0.7) for each in close]
        if len(word) >= 4:
            known = {each for each, _ in forms}
            forms += [(each, 0.8) for each in self._longer(word) if each not in known]
        return forms

    def _likely(self, word):
        """The words of the vocabulary that share most pairs of letters with this one."""
        pairs = _letters(word)
        shared = Counter()
        for letters in pairs:
            shared.update(self.words_with.get(letters, ()))
        enough = len(pairs) // 2
        alike = [each for each, count in shared.items() if count >= enough]
        # Of two with as many of them, the one of more like length.
        alike.sort(key=lambda each: (-shared[each], abs(len(each) - len(word)), each))
        return alike[:MOST_LIKELY]

    def _longer(self, word):
        start = bisect_left(self.vocabulary, word)
        return takewhile(
            lambda each: each.startswith(word),
            (self.vocabulary[n] for n in range(start, len(self.vocabulary))),
        )


def _letters(word):
    """The pairs of letters in a word, its beginning and its end among them."""
    padded = f"^{word}$"
    return {padded[n : n + 2] for n in range(len(padded) - 1)}


class Ranked:
    """Entries of an index that can be counted, and are put in order no further than asked for:
    those with more of the words first, then those where the words are worth more."""

    def __init__(self, entries, numbers, hits, scores):
        self.entries, self.numbers = entries, numbers
        self.rank = lambda number: (-hits[number], -scores[number], entries[number].title)

    def __len__(self):
        return len(self.numbers)

    def __getitem__(self, span):
        first = nsmallest(span.stop, self.numbers, key=self.rank)
        return [self.entries[number] for number in first[span.start :]]


def words(text):
    """Lower-case words without accents; apostrophes join, so “Bell's” is “bells”."""
    bare = text.lower().replace("'", "").replace("’", "")
    if not bare.isascii():
        apart = unicodedata.normalize("NFKD", bare)
        bare = "".join(c for c in apart if not unicodedata.combining(c))
    return WORD.findall(bare)


@WithFrame
def instead():
    """Who found nothing may look through the first few; one more tells whether there are more."""
    # Sorted by key alone: whole rows are long.
    first = Procedure.objects.published(NOW).values("pk")[: MOST_INSTEAD + 1]
    return {"procedures": Procedure.objects.filter(pk__in=first).only(*Procedure.IN_LISTS)}


@same_for_everyone(reads=["q"])
@require_safe
def search(request):
    query = request.GET.get("q", "").replace("\0", "").strip()[:MOST_QUERY]
    if not query:
        return render(request, "practice/search.html", _looked_through())
    found = current_index().find(query)
    try:
        page = Paginator(found.entries, PER_PAGE).page(request.GET.get("page", 1))
    except InvalidPage:
        raise Http404 from None
    is_corrected = bool(set(found.understood) - set(words(query)))
    return render(
        request,
        "practice/search.html",
        (frame.fetch() if found.entries else _looked_through())
        | {
            "query": query,
            "page": page,
            "results": [(each, _marked(_sentence(each, found), found.understood)) for each in page],
            "previous": page.has_previous() and _address(query, page.previous_page_number()),
            "next": page.has_next() and _address(query, page.next_page_number()),
            "corrected": " ".join(found.understood) if is_corrected else "",
        },
    )


def _address(query, number):
    return "?" + urlencode({"q": query} | ({"page": number} if number > 1 else {}))


def _looked_through():
    rows = instead.fetch()
    procedures = rows["procedures"]
    return rows | {
        "procedures": procedures[:MOST_INSTEAD],
        "has_more_procedures": len(procedures) > MOST_INSTEAD,
    }


_lock = threading.Lock()
_kept = (None, None)


def current_index():
    """The index of what is published now, built anew only after something changed."""
    global _kept
    present = edition.current()
    with _lock:
        made_for, index = _kept
        if made_for != present:
            known = {entry: entry for entry in index.entries} if index else {}
            index = Index([known.get(entry, entry) for entry in _entries()])
            _kept = (present, index)
        return index


def _entries():
    published = Procedure.objects.published()
    for procedure in published:
        texts = tuple((getattr(procedure, name), TEXT) for name, _ in editorial.SECTIONS)
        synonyms = tuple((synonym, SYNONYM) for synonym in procedure.synonyms)
        yield Entry(
            "Procedure",
            procedure.name,
            procedure.get_absolute_url(),
            procedure.summary,
            ((procedure.name, NAME), *synonyms, (procedure.summary, SUMMARY), *texts),
        )
    for surgeon in Surgeon.objects.published():
        facts = f"{surgeon.role} {surgeon.languages} {surgeon.summary}"
        yield Entry(
            "Surgeon",
            surgeon.full_name,
            surgeon.get_absolute_url(),
            surgeon.summary,
            ((surgeon.name, NAME), (facts, SUMMARY), (surgeon.philosophy, TEXT)),
        )
    faqs = Faq.objects.filter(procedure__in=published).select_related("procedure")
    # A question for each of the long rows would be too much.
    for faq in faqs.only("question", "answer", "procedure__slug", "procedure__name"):
        url = f"{faq.procedure.get_absolute_url()}#faqs"
        places = ((faq.question, SUMMARY), (faq.answer, TEXT))
        kind = f"Question · {faq.procedure.name}"
        yield Entry(kind, faq.question, url, "", places, is_answer=True)


def _sentence(entry, found):
    """The sentence with most of the words; the summary or the first when none holds any."""
    looked_for = [frozenset(forms) for forms in found.forms if forms]
    anything = re.compile("|".join(map(re.escape, frozenset().union(*looked_for))))
    best, most = None, 0
    for sentence in entry.sentences:
        bare = sentence.lower()
        if bare.isascii() and "'" not in bare and not anything.search(bare):
            continue  # Where letters are as they are, most need no closer look.
        here = words(sentence)
        hits = sum(not forms.isdisjoint(here) for forms in looked_for)
        if hits > most:
            best, most = sentence, hits
        if most == len(looked_for):
            break
    return best or next(iter(entry.sentences), "")


def _marked(sentence, understood):
    """The sentence as HTML with the words that were looked for marked."""
    looked_for = frozenset(understood)
    parts = groupby(
        WHOLE_WORD.split(sentence), key=lambda part: not looked_for.isdisjoint(words(part))
    )
    runs = ((is_hit, "".join(run)) for is_hit, run in parts)
    return format_html_join(
        "",
        "{}",
        ((format_html("<mark>{}</mark>", text) if is_hit else text,) for is_hit, text in runs),
    )

"""Site search over procedures, surgeons and questions: forgiving about names and typing errors.

Matching happens in Python on an index of the published pages, kept until one of them
changes. What did not change is taken over into the next index. Words that are nearly right
are looked for among those that share letters with them, so a thousand pages take no longer
than ten.
"""

import re
import threading
import unicodedata
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from itertools import takewhile

from django.shortcuts import render
from django.utils.html import format_html, format_html_join
from django.views.decorators.http import require_safe

from procedures import editorial
from procedures.models import Faq, Procedure

from . import edition
from .context_processors import with_frame
from .models import Surgeon
from .page_cache import same_for_everyone
from .templatetags.text import plain

WORD = re.compile(r"[a-z0-9]+")
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
MOST_RESULTS = 20
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

    @cached_property
    def worth(self):
        """Each word with its best place's worth."""
        found = {}
        for text, worth in self.places:
            for word in words(LINK_TARGET.sub(" ", text)):
                found[word] = max(worth, found.get(word, 0))
        return found

    def sentences(self):
        if self.summary:
            yield self.summary
        for text, worth in self.places:
            if worth == TEXT:
                yield from filter(None, SENTENCE.split(plain(text)))


@dataclass(frozen=True)
class Result:
    entry: Entry
    sentence: str
    score: float


class Index:
    """Every entry, and for each word the entries that hold it."""

    def __init__(self, entries):
        self.entries = entries
        self.entries_with = {}
        for entry in entries:
            for word in entry.worth:
                self.entries_with.setdefault(word, []).append(entry)
        self.vocabulary = sorted(self.entries_with)
        self.words_with = {}
        for word in self.vocabulary:
            for letters in _letters(word):
                self.words_with.setdefault(letters, []).append(word)

    def find(self, query):
        """(results, best first; the words as understood) for what somebody typed."""
        asked = [word for word in words(query) if word not in STOP_WORDS] or words(query)
        understood = [self.spelled(word) for word in asked[:12]]
        scores = {}
        for forms in understood:
            best = {}
            for word, likeness in forms:
                for entry in self.entries_with[word]:
                    worth = entry.worth[word] * likeness
                    if worth > best.get(id(entry), (0,))[0]:
                        best[id(entry)] = (worth, entry)
            for key, (worth, entry) in best.items():
                score, hits, _ = scores.get(key, (0, 0, entry))
                scores[key] = (score + worth, hits + 1, entry)
        looked_for = {word for forms in understood for word, _ in forms}
        ranked = sorted(scores.values(), key=lambda s: (-s[1], -s[0], s[2].title))
        results = [
            Result(entry, _matching_sentence(entry, looked_for), score)
            for score, hits, entry in ranked[:MOST_RESULTS]
            if hits * 2 >= len(understood)
        ]
        spelled = zip(understood, asked, strict=False)
        return results, [forms[0][0] if forms else word for forms, word in spelled]

    def spelled(self, word):
        """The vocabulary's forms of a word with their likeness: itself, longer ones, close ones."""
        if word in self.entries_with:
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


def words(text):
    """Lower-case words without accents; apostrophes join, so “Bell's” is “bells”."""
    bare = unicodedata.normalize("NFKD", text.lower())
    bare = "".join(c for c in bare if not unicodedata.combining(c))
    return WORD.findall(re.sub("['’]", "", bare))


@same_for_everyone
@require_safe
def search(request):
    query = request.GET.get("q", "").replace("\0", "").strip()[:MOST_QUERY]
    results, understood = current_index().find(query) if query else ([], [])
    corrected = " ".join(understood) if understood and set(understood) - set(words(query)) else ""
    # Somebody who found nothing may look through the first few. Sorted by key alone: whole
    # rows are long.
    first = Procedure.objects.published().values("pk")[:MOST_RESULTS]
    instead = Procedure.objects.none() if results else Procedure.objects.filter(pk__in=first)
    return render(
        request,
        "practice/search.html",
        with_frame(procedures=instead)
        | {
            "query": query,
            "results": [(each, _marked(each.sentence, understood)) for each in results],
            "corrected": corrected,
        },
    )


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
    for faq in Faq.objects.filter(procedure__in=published).select_related("procedure"):
        url = f"{faq.procedure.get_absolute_url()}#faqs"
        places = ((faq.question, SUMMARY), (faq.answer, TEXT))
        yield Entry("Question", faq.question, url, "", places)


def _matching_sentence(entry, looked_for):
    """The sentence with most of the words; the summary or the first when none holds any."""

    def hits(sentence):
        if sentence.isascii() and "'" not in sentence:
            bare = sentence.lower()  # Where letters are as they are, most need no closer look.
            if not any(word in bare for word in looked_for):
                return 0
        return len(looked_for & set(words(sentence)))

    best = max(entry.sentences(), key=hits, default="")
    return best if hits(best) else entry.summary or best


def _marked(sentence, understood):
    """The sentence as HTML with the words that were looked for marked."""
    parts = re.split(r"(\s+)", sentence)
    is_hit = [bool(set(words(part)) & set(understood)) for part in parts]
    return format_html_join(
        "",
        "{}",
        (
            (format_html("<mark>{}</mark>", part) if hit else part,)
            for part, hit in zip(parts, is_hit, strict=True)
        ),
    )

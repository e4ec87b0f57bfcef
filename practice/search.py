"""Site search over procedures, surgeons and questions: forgiving about names and typing errors.

The vocabulary of a practice is small, so matching happens in Python on an index that is
built from the published pages and kept until one of them changes.
"""

import re
import threading
import unicodedata
from dataclasses import dataclass, field
from difflib import get_close_matches

from django.shortcuts import render
from django.utils.html import format_html, format_html_join
from django.views.decorators.http import require_safe

from procedures import editorial
from procedures.models import Faq, Procedure

from .content_version import content_version
from .models import Surgeon
from .templatetags.text import plain

WORD = re.compile(r"[a-z0-9]+")
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
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
# Where a word was found, and what that is worth.
NAME, SYNONYM, SUMMARY, TEXT = 12, 10, 4, 1


@dataclass
class Entry:
    """One thing that can be found. `worth` maps each of its words to its best place's worth."""

    kind: str
    title: str
    url: str
    summary: str
    sentences: list[str]
    worth: dict[str, int] = field(default_factory=dict)

    def add(self, text, worth):
        for word in words(text):
            self.worth[word] = max(worth, self.worth.get(word, 0))


@dataclass(frozen=True)
class Result:
    entry: Entry
    sentence: str
    score: float


class Index:
    """Every entry, and for each word the entries that hold it."""

    def __init__(self, entries):
        self.entries_with = {}
        for entry in entries:
            for word in entry.worth:
                self.entries_with.setdefault(word, []).append(entry)
        self.vocabulary = sorted(self.entries_with)

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
                    best[id(entry)] = (max(worth, best.get(id(entry), (0,))[0]), entry)
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
            close = get_close_matches(word, self.vocabulary, n=3, cutoff=0.78)
            forms = [(each, 0.7) for each in close]
        if len(word) >= 4:
            known = {each for each, _ in forms}
            longer = (each for each in self.vocabulary if each.startswith(word))
            forms += [(each, 0.8) for each in longer if each not in known]
        return forms


def words(text):
    """Lower-case words without accents; apostrophes join, so “Bell's” is “bells”."""
    bare = unicodedata.normalize("NFKD", text.lower())
    bare = "".join(c for c in bare if not unicodedata.combining(c))
    return WORD.findall(re.sub("['’]", "", bare))


@require_safe
def search(request):
    query = request.GET.get("q", "").replace("\0", "").strip()[:MOST_QUERY]
    results, understood = current_index().find(query) if query else ([], [])
    corrected = " ".join(understood) if understood and set(understood) - set(words(query)) else ""
    return render(
        request,
        "practice/search.html",
        {
            "query": query,
            "results": [(each, _marked(each.sentence, understood)) for each in results],
            "corrected": corrected,
            "procedures": [] if results else Procedure.objects.published(),
        },
    )


_lock = threading.Lock()
_kept = (None, None)


def current_index():
    """The index of what is published now, built anew only after something changed."""
    global _kept
    version = content_version()
    with _lock:
        if _kept[0] != version:
            _kept = (version, Index(_entries()))
        return _kept[1]


def _entries():
    for procedure in Procedure.objects.published():
        texts = [plain(getattr(procedure, name)) for name, _ in editorial.SECTIONS]
        entry = Entry(
            "Procedure",
            procedure.name,
            procedure.get_absolute_url(),
            procedure.summary,
            [procedure.summary, *(s for text in texts for s in SENTENCE.split(text) if s)],
        )
        entry.add(procedure.name, NAME)
        for synonym in procedure.synonyms:
            entry.add(synonym, SYNONYM)
        entry.add(procedure.summary, SUMMARY)
        for text in texts:
            entry.add(text, TEXT)
        yield entry
    for surgeon in Surgeon.objects.published():
        entry = Entry(
            "Surgeon",
            surgeon.full_name,
            surgeon.get_absolute_url(),
            surgeon.summary,
            [surgeon.summary, *SENTENCE.split(plain(surgeon.philosophy))],
        )
        entry.add(surgeon.name, NAME)
        entry.add(f"{surgeon.role} {surgeon.languages} {surgeon.summary}", SUMMARY)
        yield entry
    faqs = Faq.objects.filter(procedure__in=Procedure.objects.published())
    for faq in faqs.select_related("procedure"):
        url = f"{faq.procedure.get_absolute_url()}#faqs"
        answer = plain(faq.answer)
        entry = Entry("Question", faq.question, url, answer, SENTENCE.split(answer))
        entry.add(faq.question, SUMMARY)
        entry.add(answer, TEXT)
        yield entry


def _matching_sentence(entry, looked_for):
    """The sentence with most of the words; the summary when none holds any."""

    def hits(sentence):
        return len(looked_for & set(words(sentence)))

    best = max(entry.sentences, key=hits, default="")
    return best if best and hits(best) else entry.summary


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

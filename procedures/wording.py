"""How a section reads: its grade, claims that advertising codes forbid, comfort before risk.

The grade is Flesch–Kincaid (Kincaid et al., Navy Research Branch Report 8-75, 1975):
0.39 × words per sentence + 11.8 × syllables per word − 15.59. Syllables are counted by
vowel groups, which is within about half a grade of a dictionary on pages like these.
"""

import re
from dataclasses import dataclass

GRADE_AIM = 8

# A pattern, and why an honest page does without it. Basis: AMA Code of Medical Ethics
# 9.6.1, ASPS Code of Ethics (advertising), FTC rules on health claims.
CLAIMS = (
    (r"\bpain[- ]?(?:less|free)(?:ly)?\b", "No operation is without pain: say how it is treated."),
    (r"\bguarantee[sd]?\b", "No result can be guaranteed. Say how often it is seen."),
    (r"\bscar[- ]?(?:less|free)\b", "Every cut leaves a scar. Say where."),
    (r"\bwithout (?:a )?scars?\b", "Every cut leaves a scar. Say where."),
    (r"\brisk[- ]?free\b|\bno risks?\b|\bwithout (?:any )?risks?\b", "Every operation has risks."),
    (r"\bbest\b(?! (?:time|way|not|to|if|done|seen)\b)", "“Best” cannot be shown to be true."),
    (r"\bworld[- ]class\b|\bunrivall?ed\b|\bnumber one\b", "This cannot be shown to be true."),
    (r"\bleading (?:surgeon|clinic|expert|practice|specialist)s?\b", "This cannot be shown."),
    (r"\bperfect(?:ly|ion)?\b|\bflawless\b", "No result is perfect. Say what usually changes."),
    (r"\bmirac(?:le|ulous)\b|\brevolutionary\b", "Plain words are believed more."),
    (
        r"\bpermanent (?:results?|solution|improvement|cure|removal)\b",
        "Results change with time. Say how long they usually last.",
    ),
    (r"\b(?:completely|totally|entirely) safe\b", "Say what can go wrong, and how often."),
    (r"\byears younger\b|\bturn(?:s|ing)? back the clock\b", "This promises a result."),
)
_CLAIMS = tuple((re.compile(pattern, re.IGNORECASE), why) for pattern, why in CLAIMS)

# Comfort that, standing before a risk, makes it sound smaller.
REASSURANCE = re.compile(
    r"\b(?:don[’']t worry|do not worry|rest assured|fortunately|luckily|you can relax|"
    r"very rare(?:ly)?|extremely rare|only rarely|minimal risks?|very safe)\b",
    re.IGNORECASE,
)
NEGATED = re.compile(r"\b(?:no|not|never|nobody can|cannot|can’t|can't)\s+(?:\w+\s+){0,2}$", re.I)

SENTENCE_END = re.compile(r"[.!?:]+(?:\s|$)|\n+")
WORD = re.compile(r"[A-Za-z]+(?:[’'][A-Za-z]+)?")
VOWELS = re.compile(r"[aeiouy]+")


@dataclass(frozen=True)
class Claim:
    """Words to avoid, as they stand in the text, and why."""

    words: str
    why: str


def claims(text: str) -> list[Claim]:
    """Forbidden claims in the text. Denying one (“no result is guaranteed”) is none."""
    return [
        Claim(match[0], why)
        for pattern, why in _CLAIMS
        for match in pattern.finditer(text)
        if not NEGATED.search(text[: match.start()])
    ]


def reassurance_before_risk(text: str) -> str:
    """The comforting words with which a section on risks begins, or ""."""
    opening = text.strip().split("\n\n", 1)[0][:300]
    match = REASSURANCE.search(opening)
    return match[0] if match else ""


def reading_grade(text: str) -> float | None:
    """The US school grade that can read the text; None for fewer than 20 words."""
    words = WORD.findall(text)
    if len(words) < 20:
        return None
    sentences = max(1, sum(1 for part in SENTENCE_END.split(text) if WORD.search(part)))
    syllables = sum(map(_syllables, words))
    return round(0.39 * len(words) / sentences + 11.8 * syllables / len(words) - 15.59, 1)


def _syllables(word: str) -> int:
    word = word.lower().replace("’", "").replace("'", "")
    groups = len(VOWELS.findall(word))
    if word.endswith("e") and not word.endswith(("le", "ee")) and groups > 1:
        groups -= 1
    if word.endswith("ed") and not word.endswith(("ted", "ded")) and groups > 1:
        groups -= 1
    return max(1, groups)

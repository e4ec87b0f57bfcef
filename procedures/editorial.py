"""The balance gate: what a procedure page must say before patients may see it.

Basis: the AMA's and ASPS's ethics of advertising and the NHS content standard ask that
benefits never stand without risks and alternatives; the JAMA benchmarks (Silberg et al.,
JAMA 1997;277:1244) ask for authorship, attribution, disclosure and currency.
"""

from dataclasses import dataclass

from practice.templatetags.text import plain

from .wording import GRADE_AIM, claims, reading_grade, reassurance_before_risk

KEY_FACTS = (
    "time_in_theatre",
    "anaesthesia",
    "hospital_stay",
    "back_to_work",
    "results_visible",
    "results_last",
)

# The sections of a page in reading order: field, heading. The page, its contents list,
# the admin's form and the gate below all follow this list.
SECTIONS = (
    ("what_it_is", "What it is"),
    ("who_it_is_for", "Who it may help"),
    ("who_it_is_not_for", "Who it is not for"),
    ("alternatives", "Alternatives, including no surgery"),
    ("benefits", "Benefits"),
    ("risks", "Risks"),
    ("preparation", "How to prepare"),
    ("the_day", "The day of surgery"),
    ("recovery", "Recovery"),
    ("when_to_get_help", "When to get help"),
    ("cost_and_insurance", "Cost and insurance"),
)
HEADINGS = dict(SECTIONS)

# What a good section says, for whoever writes it.
GUIDE = {
    "what_it_is": "What is done, and why, in words a twelve-year-old knows. Explain each "
    "medical word where it first stands.",
    "who_it_is_for": "What must be true of you for this to be an option. “You”, not “patients”.",
    "who_it_is_not_for": "When it is the wrong choice, or the wrong time. As plain as the above.",
    "alternatives": "Every other way, with what it can and cannot do. No surgery comes first.",
    "benefits": "What usually changes, how often, and for how long. No promises.",
    "risks": "Common ones first, then rare but serious ones, with how often where it is known. "
    "At least as concrete as the benefits, and no comfort before them.",
    "preparation": "What to stop, arrange and bring, with times.",
    "the_day": "From arriving to going home, in order. Who they meet, what they feel.",
    "recovery": "What is normal, what to do and to leave alone. The milestones below say when.",
    "when_to_get_help": "When to call the practice, and when to call 911. Signs, not diagnoses.",
    "cost_and_insurance": "What the price is made of, what insurance may pay, what to ask first.",
}

# Without these a page may not be published: field, why a reader needs it.
REQUIRED = {
    "alternatives": "A patient can only choose if they know the other ways, and no surgery is one.",
    "risks": "Benefits may not be shown without the risks.",
    "when_to_get_help": "After surgery a patient must know when to call, and whom.",
    "sources": "Readers must be able to see where the statements come from.",
}


# What stands beside the sections and is read first: in lists, in search results, in the card.
SHORT_TEXTS = ("name", "summary", *KEY_FACTS, "diagram_caption")
# Rows of the page: related name, the fields that state something. A question states nothing.
ROWS = (
    ("milestones", ("title", "text")),
    ("faqs", ("answer",)),
    ("diagram_parts", ("label", "text")),
    ("cases", ("caption",)),
)


@dataclass(frozen=True)
class Finding:
    """What stands in the way of publication or is worth another look.

    `field` is the field, or the group of rows, that mends it.
    """

    field: str
    message: str
    is_claim: bool = False

    @property
    def anchor(self):
        """The id in the admin's form to which a link about it leads."""
        groups = ("sources", *(name for name, _ in ROWS))
        return f"{self.field}-group" if self.field in groups else f"id_{self.field}"


def missing(procedure, sources=None):
    """Findings for every required part that `procedure` lacks, in the order of REQUIRED.

    `sources` is the number of sources there will be once a form is saved; without it the
    stored ones are counted.
    """
    if sources is None:
        sources = procedure.sources.count() if procedure.pk else 0
    present = {"sources": sources}
    return [
        Finding(field, f"{HEADINGS.get(field, 'Sources')} is empty. {why}")
        for field, why in REQUIRED.items()
        if not present.get(field, "" if field == "sources" else getattr(procedure, field).strip())
    ]


def hints(procedure):
    """Findings that do not forbid publication but that an honest editor will mend.

    Claims to avoid, comfort before risk, and sections above reading grade 8. Claims come
    first, in the order of the page.
    """
    found = claimed(procedure)
    for field, heading in SECTIONS:
        grade = reading_grade(plain(getattr(procedure, field)))
        if grade and grade > GRADE_AIM:
            found.append(
                Finding(field, f"{heading} reads at grade {grade}; aim for {GRADE_AIM} or below.")
            )
    comfort = reassurance_before_risk(plain(procedure.risks))
    if comfort:
        found.append(
            Finding("risks", f"Risks begin with comfort (“{comfort}”). Name the risks first.")
        )
    return found


def claimed(procedure):
    """Findings for every claim to avoid, wherever on the page it stands."""
    return [
        Finding(field, f"{title} says “{claim.words}”. {claim.why}", is_claim=True)
        for field, title, text in _texts(procedure)
        for claim in claims(plain(text))
    ]


def _texts(procedure):
    """(field or rows, what editors call it, text) of all that patients read of a page."""
    for field in SHORT_TEXTS:
        label = procedure._meta.get_field(field).verbose_name
        yield field, _capital(label), getattr(procedure, field)
    for field, heading in SECTIONS:
        yield field, heading, getattr(procedure, field)
    if procedure.pk is None:
        return  # Nothing can belong to a page that is on no file.
    for name, fields in ROWS:
        rows = getattr(procedure, name)
        label = _capital(rows.model._meta.verbose_name)
        for row in rows.all():
            text = "\n\n".join(getattr(row, field) for field in fields)
            yield name, f"{label} “{row}”", text


def _capital(words):
    return words[0].upper() + words[1:]


def reading_grades(procedure):
    """(field, heading, grade) for every section that is long enough to have a grade."""
    graded = (
        (field, heading, reading_grade(plain(getattr(procedure, field))))
        for field, heading in SECTIONS
    )
    return [row for row in graded if row[2] is not None]

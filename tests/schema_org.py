"""The part of schema.org's vocabulary that we use, and rules for JSON-LD documents of it."""

import re
from datetime import date

THING = {"@type", "@id", "name", "alternateName", "description", "url"}
PAGE = THING | {"about", "dateModified", "lastReviewed", "reviewedBy"}
PROCEDURE = THING | {"preparation", "followup", "howPerformed", "bodyLocation", "procedureType"}
ORGANIZATION = THING | {"telephone", "address", "parentOrganization", "knowsLanguage"}
BUSINESS = ORGANIZATION | {"openingHoursSpecification"}
# Type → the properties that it or a type above it has.
VOCABULARY = {
    "Answer": THING | {"text"},
    "BreadcrumbList": THING | {"itemListElement"},
    "FAQPage": PAGE | {"mainEntity"},
    "IndividualPhysician": BUSINESS | {"availableService", "medicalSpecialty"},
    "ListItem": THING | {"position", "item"},
    "MedicalClinic": BUSINESS | {"availableService", "medicalSpecialty"},
    "MedicalProcedure": PROCEDURE,
    "MedicalWebPage": PAGE,
    "OpeningHoursSpecification": THING | {"dayOfWeek", "opens", "closes"},
    "Person": THING,
    "PostalAddress": THING
    | {"streetAddress", "addressLocality", "addressRegion", "postalCode", "addressCountry"},
    "Question": THING | {"acceptedAnswer"},
    "SurgicalProcedure": PROCEDURE,
}
NEEDS_NAME = {"Question", "MedicalProcedure", "SurgicalProcedure", "MedicalClinic"}
# What stands for an address or a member of an enumeration, which nobody reads.
NOT_READ = {"@context", "@id", "@type", "url", "item", "dayOfWeek", "medicalSpecialty"}
NOT_READ |= {"addressCountry"}  # A code of two letters.


def nodes(document):
    """Every object in a document, however deep."""
    if isinstance(document, dict):
        yield document
        document = list(document.values())
    if isinstance(document, list):
        for each in document:
            yield from nodes(each)


def foreign(document):
    """Types and properties that schema.org does not have, or not together."""
    if document.get("@context") != "https://schema.org":
        yield "the context is not https://schema.org"
    for node in nodes(document.get("@graph", [])):
        if set(node) == {"@id"}:
            continue
        kind = node.get("@type")
        if kind not in VOCABULARY:
            yield f"{kind} is not a type we know"
            continue
        yield from (f"{kind} has no {name}" for name in node.keys() - VOCABULARY[kind])
        if kind in NEEDS_NAME and not node.get("name"):
            yield f"{kind} without a name"


def dangling(document):
    """References to a node of the same page that is not there."""
    every = [node for node in nodes(document) if "@id" in node]
    known = {node["@id"] for node in every if len(node) > 1}
    for node in every:
        is_here = node["@id"].partition("#")[0] in {each.partition("#")[0] for each in known}
        if node["@id"] not in known and is_here:
            yield f"{node['@id']} leads nowhere"


def unseen(document, text):
    """Values that do not stand in the visible text of the page."""
    for node in nodes(document):
        for name, value in node.items():
            if name in NOT_READ:
                continue
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, str) and as_shown(each) not in text:
                    yield f"{name}: {each:.80}"


def as_shown(value):
    """A value as the page writes it."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        day = date.fromisoformat(value)
        return f"{day:%B} {day.day}, {day.year}"
    if re.fullmatch(r"\d\d:\d\d", value):
        hour, minute = map(int, value.split(":"))
        return f"{hour % 12 or 12}:{minute:02} {'PM' if hour >= 12 else 'AM'}"
    if phone := re.fullmatch(r"\+1 (\d{3})-(\d{3}-\d{4})", value):
        return f"({phone[1]}) {phone[2]}"
    return " ".join(value.split())

"""The balance gate: what a page must say before patients may see it."""

from datetime import date

import pytest

from procedures import editorial
from procedures.models import Procedure

pytestmark = pytest.mark.django_db

SECTIONS = ["alternatives", "risks", "when_to_get_help"]


def fields(findings):
    return [finding.field for finding in findings]


def test_a_complete_page_lacks_nothing(procedure):
    assert editorial.missing(procedure) == []


@pytest.mark.parametrize("field", SECTIONS)
@pytest.mark.parametrize("text", ["", " ", "\r\n\t"], ids=repr)
def test_a_page_without_a_required_section_names_it_and_says_why(procedure, field, text):
    setattr(procedure, field, text)

    (finding,) = editorial.missing(procedure)

    assert finding.field == field
    assert editorial.HEADINGS[field] in finding.message
    assert len(finding.message) > len(f"{editorial.HEADINGS[field]} is empty. ")


def test_a_page_without_sources_is_not_balanced(procedure):
    procedure.sources.all().delete()

    assert fields(editorial.missing(procedure)) == ["sources"]


@pytest.mark.parametrize(("left", "lacking"), [(0, ["sources"]), (1, [])])
def test_a_form_counts_the_sources_there_will_be(procedure, left, lacking):
    assert fields(editorial.missing(procedure, sources=left)) == lacking


def test_a_page_that_is_being_added_lacks_everything_that_is_required():
    assert fields(editorial.missing(Procedure())) == [*SECTIONS, "sources"]


@pytest.mark.parametrize(
    ("field", "anchor"),
    [
        ("risks", "id_risks"),
        ("summary", "id_summary"),
        ("sources", "sources-group"),
        ("milestones", "milestones-group"),
        ("faqs", "faqs-group"),
        ("diagram_parts", "diagram_parts-group"),
        ("cases", "cases-group"),
    ],
)
def test_what_is_found_leads_to_where_it_is_mended(field, anchor):
    assert editorial.Finding(field, "").anchor == anchor


def test_everything_that_is_lacking_is_named_at_once(procedure):
    for field in SECTIONS:
        setattr(procedure, field, "")

    found = editorial.missing(procedure, sources=0)

    assert fields(found) == [*SECTIONS, "sources"]


@pytest.mark.parametrize(
    "field", sorted(set(editorial.HEADINGS) - set(SECTIONS)), ids=lambda field: field
)
def test_no_other_section_is_required(procedure, field):
    setattr(procedure, field, "")

    assert editorial.missing(procedure) == []


def test_every_section_is_a_field_with_a_heading_and_the_risks_follow_the_benefits(procedure):
    names = [name for name, _ in editorial.SECTIONS]

    assert all(hasattr(procedure, name) for name in names)
    assert len(set(names)) == len(names)
    assert names.index("risks") == names.index("benefits") + 1
    assert set(editorial.REQUIRED) - {"sources"} <= set(names)


def test_key_facts_are_those_that_are_known_in_reading_order(procedure):
    labels = [
        "Time in the operating room",
        "Anesthesia",
        "Hospital stay",
        "Back to work",
        "Results visible",
        "Results last",
    ]
    assert [label for label, _ in procedure.key_facts] == labels

    procedure.hospital_stay = ""
    assert [label for label, _ in procedure.key_facts] == labels[:2] + labels[3:]


# --- Hints ------------------------------------------------------------------------------------

CLAIMS = {
    "painless": "The operation is painless.",
    "guaranteed": "The result is guaranteed.",
    "best": "We have the best surgeons.",
    "scarless": "A scarless lift.",
    "risk-free": "This is risk-free.",
    "no risk": "There is no risk.",
}


@pytest.mark.parametrize("text", CLAIMS.values(), ids=CLAIMS.keys())
@pytest.mark.parametrize("field", ["what_it_is", "benefits", "cost_and_insurance"])
def test_a_claim_that_advertising_codes_forbid_is_pointed_out(procedure, field, text):
    setattr(procedure, field, text)

    assert field in fields(editorial.hints(procedure))


@pytest.mark.parametrize("field", ["name", "summary", "diagram_caption", *editorial.KEY_FACTS])
def test_a_claim_in_what_is_read_first_is_pointed_out(procedure, field):
    setattr(procedure, field, "The best, painless facelift.")

    (first, second, *_) = editorial.hints(procedure)

    assert (first.field, second.field) == (field, field)
    assert first.is_claim
    label = str(Procedure._meta.get_field(field).verbose_name)
    assert first.message.lower().startswith(f"{label.lower()} says “painless”")
    assert first.message[0].isupper()


def test_a_claim_in_a_row_of_the_page_is_pointed_out_and_the_row_is_named(procedure):
    procedure.faqs.create(question="Does it hurt?", answer="No, it is painless.")
    procedure.milestones.create(when="Week 2", title="A perfect result")

    found = [each for each in editorial.hints(procedure) if each.is_claim]

    assert fields(found) == ["milestones", "faqs"]
    assert "“Week 2: A perfect result” says “perfect”" in found[0].message
    assert "“Does it hurt?” says “painless”" in found[1].message
    assert [each.anchor for each in found] == ["milestones-group", "faqs-group"]


STATED = {
    "milestones": ("title", "text"),
    "faqs": ("answer",),
    "diagram_parts": ("label", "text"),
    "cases": ("caption",),
}


@pytest.mark.parametrize(
    ("rows", "field"), [(rows, field) for rows in STATED for field in STATED[rows]]
)
def test_whatever_a_row_states_is_read(procedure, rows, field):
    if rows == "cases":
        procedure.cases.create(consent_signed_on=date(2026, 1, 5))
    row = getattr(procedure, rows).first()
    setattr(row, field, "It is painless.")
    row.save()

    assert [each.field for each in editorial.hints(procedure) if each.is_claim] == [rows]


def test_a_question_claims_nothing(procedure):
    procedure.faqs.create(question="Is it painless?", answer="It hurts for a week.")

    assert not [each for each in editorial.hints(procedure) if each.is_claim]


def test_the_caption_of_a_before_after_case_may_not_promise_either(procedure):
    procedure.cases.create(caption="Years younger.", consent_signed_on=date(2026, 1, 5))

    assert "cases" in fields(editorial.hints(procedure))


def test_a_page_that_is_being_added_can_be_read_too():
    assert [each.field for each in editorial.hints(Procedure(summary="The best."))] == ["summary"]


@pytest.mark.parametrize(
    "text",
    ["No result is guaranteed.", "It is best to rest.", "It hurts.", "It leaves a scar."],
)
def test_honest_words_are_not(procedure, text):
    before = fields(editorial.hints(procedure))
    procedure.what_it_is = text

    assert fields(editorial.hints(procedure)) == before


def test_comfort_before_a_risk_is_pointed_out_and_after_it_is_not(procedure):
    procedure.risks = "Don’t worry: complications are few.\n\n- Bleeding"
    assert "risks" in fields(editorial.hints(procedure))

    procedure.risks = "- Bleeding that has to be stopped\n" * 12 + "\nDon’t worry alone: call us."
    assert "risks" not in fields(editorial.hints(procedure))


def test_hard_words_are_pointed_out(procedure):
    procedure.recovery = (
        "Postoperative edema characteristically demonstrates considerable interindividual "
        "variability, necessitating comprehensive multidisciplinary rehabilitation, "
        "notwithstanding preoperative optimization of comorbidities, polypharmacy and "
        "concomitant anticoagulation."
    )

    (hint,) = [each for each in editorial.hints(procedure) if each.field == "recovery"]
    assert "grade" in hint.message


@pytest.mark.parametrize(("grade", "is_hard"), [(None, False), (8, False), (9, True)])
def test_grade_eight_is_aimed_for(procedure, monkeypatch, grade, is_hard):
    monkeypatch.setattr(editorial, "reading_grade", lambda text: grade)

    assert ("recovery" in fields(editorial.hints(procedure))) is is_hard


def test_sections_that_are_long_enough_have_a_grade_and_no_others(procedure):
    procedure.risks = "The wound may bleed. Then you call us at once, day or night. " * 12
    procedure.benefits = ""

    graded = {
        field: (heading, grade) for field, heading, grade in editorial.reading_grades(procedure)
    }

    assert graded["risks"][0] == "Risks"
    assert graded["risks"][1] < editorial.GRADE_AIM
    assert "benefits" not in graded


def test_hints_do_not_stand_in_the_way_of_publication(procedure):
    procedure.benefits = "The best painless result, guaranteed."

    assert editorial.missing(procedure) == []
    procedure.publish()


def test_every_section_has_a_guide_for_whoever_writes_it():
    assert list(editorial.GUIDE) == list(editorial.HEADINGS)

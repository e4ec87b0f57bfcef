"""What the benchmark of growth says of a plan, and that it fails where one reads everything."""

import pytest

from benchmarks import growth, growth_probe
from benchmarks.measures import Result

pytestmark = pytest.mark.once
REQUESTS = "consultations_consultationrequest"


def node(kind, *below, **more):
    given = {
        "Node Type": kind,
        "Actual Rows": 51.0,
        "Actual Loops": 1,
        "Actual Total Time": 0.123,
        "Shared Hit Blocks": 1_200,
        "Shared Read Blocks": 34,
        "Plans": list(below),
    }
    return given | more


INDEX_SCAN = node("Index Scan", **{"Index Name": "by_arrival", "Relation Name": REQUESTS})
SCAN = node("Seq Scan", **{"Relation Name": REQUESTS})


def test_a_plan_is_told_in_one_line():
    assert growth_probe.line_of(node("Limit", INDEX_SCAN)) == (
        "51 rows, 1,234 buffers, 0.12 ms: Limit < Index Scan by by_arrival of consultationrequest"
    )


def test_what_was_never_carried_out_is_left_out_and_branches_are_told_apart():
    never = node("Sort", **{"Actual Loops": 0})
    told = growth_probe.line_of(node("Append", INDEX_SCAN, never, node("Sort", SCAN)))
    here = "of consultationrequest"
    assert told.endswith(f": Append < (Index Scan by by_arrival {here}; Sort < Seq Scan {here})")


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (node("Limit", INDEX_SCAN), set()),
        (node("Limit", node("Sort", SCAN)), {REQUESTS}),
        (node("Gather", SCAN | {"Node Type": "Parallel Seq Scan"}), {REQUESTS}),
    ],
)
def test_a_scan_is_found_wherever_it_is(plan, expected):
    assert growth_probe.scanned(plan) == expected


@pytest.mark.parametrize(("sequential", "is_met"), [([], True), ([REQUESTS], False)])
def test_one_scan_fails_the_benchmark(sequential, is_met):
    page = Result("growth", "Inbox", "ms", [(1, 1)], "x", details={"sequential": sequential})
    line = growth._scans([page, page])
    assert line.is_met is is_met
    assert line.value == 2 * len(sequential)

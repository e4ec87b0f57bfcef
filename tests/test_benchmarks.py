"""The benchmarks as a program: their arithmetic, their client, and what they write. No seconds."""

import json
import re
import xml.etree.ElementTree as ET

import pytest

from benchmarks import __main__ as bench
from benchmarks import charts, estimate, http_load, report, weight
from benchmarks.measures import Result, percentile, ratio_of_pairs

pytestmark = pytest.mark.once
MACHINE = {
    "processor": "A processor",
    "cores": 2,
    "memory_gb": 4,
    "system": "A system",
    "python": "3.11",
    "packages": {"Django": "5.2"},
    "load_before": 0.1,
    "commit": "abc1234",
}


def a_result(rounds=((30, 10), (20, 10), (90, 30)), **more):
    fields = {
        "part": "pages",
        "name": "Home page, warm",
        "unit": "requests/s",
        "rounds": list(rounds),
        "reference": "a bare view",
    }
    return Result(**fields | more)


# --- Arithmetic ------------------------------------------------------------------------------


def test_a_ratio_is_made_within_each_round_and_not_of_medians():
    # A slow round met both; the ratio of the medians would be 100 ÷ 100.
    assert ratio_of_pairs([300, 100, 10], [100, 200, 5]) == 2


@pytest.mark.parametrize(
    ("values", "references"), [([], []), ([1, 2], [1]), ([1], [1, 2]), ([1, 1], [1, 0])]
)
def test_a_value_without_its_reference_has_no_ratio(values, references):
    with pytest.raises(ValueError):
        ratio_of_pairs(values, references)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([7], 99, 7), ([3, 1, 2], 50, 2), (range(1, 101), 99, 99), (range(1, 11), 90, 9)],
)
def test_a_percentile_is_the_nearest_rank(values, percent, expected):
    assert percentile(values, percent) == expected


def test_a_percentile_of_nothing_is_no_number():
    with pytest.raises(ValueError):
        percentile([], 50)


@pytest.mark.parametrize(
    ("target", "is_ceiling", "is_met"),
    [
        (3, False, True),
        (3.01, False, False),
        (3, True, True),
        (2.99, True, False),
        (None, False, None),
    ],
)
def test_a_target_is_a_floor_or_a_ceiling(target, is_ceiling, is_met):
    assert a_result(target=target, is_ceiling=is_ceiling).is_met is is_met


# --- The client ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", b""),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
            b"abc",
        ),
    ],
)
def test_an_answer_ends_where_its_head_says(raw, body):
    assert http_load.end_of_answer(raw + b"HTTP/1.1 200 the next") == len(raw)
    assert http_load.answer(raw).body == body
    for cut in range(len(raw)):
        assert http_load.end_of_answer(raw[:cut]) == 0


def test_an_answer_without_a_length_is_refused():
    with pytest.raises(ValueError):
        http_load.end_of_answer(b"HTTP/1.1 200 OK\r\n\r\nabc")


def test_cookies_and_redirects_are_read():
    head = b"HTTP/1.1 302 Found\r\nSet-Cookie: a=b; Path=/\r\nLocation: /x\r\n"
    raw = head + b"Content-Length: 0\r\n\r\n"
    found = http_load.answer(raw)
    assert (found.status, found.headers["location"], found.cookies) == (302, "/x", {"a": "b"})


def test_a_request_is_one_that_a_proxy_passes_on():
    sent = http_load.message("/a/", "testserver", method="POST", body=b"x=1", X_Forwarded_For="::1")
    head, _, body = sent.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /a/ HTTP/1.1\r\nHost: testserver\r\nX-Forwarded-Proto: https\r\n")
    assert b"\r\nX-Forwarded-For: ::1" in head
    assert b"\r\nContent-Length: 3" in head
    assert body == b"x=1"


def test_the_first_view_waits_for_what_is_not_lazy():
    view = weight.FirstView(
        '<link rel="stylesheet" href="a.css"><link rel="stylesheet" media="print" href="p.css">'
        '<link rel="preload" as="font" href="f.woff2"><script src="m.js" type="module"></script>'
        '<script src="d.js" defer></script><script src="s.js"></script>'
        '<img src="1.avif"><img src="2.avif" loading="lazy">'
    )
    assert (view.styles, view.fonts) == (["a.css"], ["f.woff2"])
    assert (view.scripts, view.pictures) == (["s.js"], ["1.avif"])


# --- The report ------------------------------------------------------------------------------


def written(folder, results, not_measured=None):
    report.write(folder, MACHINE, results, not_measured or {})
    return (folder / "README.md").read_text(encoding="utf-8")


def test_the_report_says_what_was_met_and_what_was_not(tmp_path):
    lines = [a_result(target=1), a_result(name="Home page, made anew", target=4)]
    text = written(tmp_path, {"pages": lines}, {"lighthouse": "npm is not installed"})
    assert (
        "| Home page, warm | 30 requests/s | 10 requests/s, a bare view | 3.00 | ≥ 1 | yes |"
        in text
    )
    assert "| 3.00 | ≥ 4 | **no** |" in text
    assert "A processor, 2 cores" in text
    assert "Not measured this time: Lighthouse, because npm is not installed." in text
    kept = json.loads((tmp_path / "latest.json").read_text(encoding="utf-8"))
    assert kept["parts"]["pages"]["results"][0]["ratio"] == 3


def test_a_part_that_was_not_measured_again_keeps_its_figures(tmp_path):
    written(tmp_path, {"weight": [a_result(part="weight", name="Of before")]})
    text = written(tmp_path, {"pages": [a_result(name="Of today")]})
    assert "Of before" in text
    assert "Of today" in text


def test_a_scan_of_all_requests_is_named(tmp_path):
    plans = {"queries": 3, "plans": ["Index Scan using by_arrival"], "sequential": []}
    fine = a_result(part="growth", name="Inbox: all", details=plans)
    assert "No query of these pages scans the requests" in written(tmp_path, {"growth": [fine]})
    bad = a_result(
        part="growth", name="Inbox: all", details=plans | {"sequential": ["consultations_x"]}
    )
    assert "Sequential scans over requests: Inbox: all." in written(tmp_path, {"growth": [bad]})


def test_a_chart_is_a_picture_without_script_or_style(tmp_path):
    drawn = charts.bars("Pages & more", [a_result(target=1), a_result(name="<b>", target=9)])
    root = ET.fromstring(drawn)
    assert root.tag.endswith("svg")
    assert not re.search(r"<script|<style|style=|href=", drawn)
    assert "3.00 ×" in drawn


def test_how_far_one_machine_goes_shows_its_arithmetic():
    def part(*lines):
        return {"results": [line.as_json() for line in lines]}

    parts = {
        "pages": part(
            a_result(name="Home page, warm", rounds=[(1000, 500)]),
            a_result(name="Home page, made anew", rounds=[(100, 500)]),
            a_result(name="Home page, after a change elsewhere", rounds=[(500, 500)]),
        ),
        "form": part(a_result(name="opened, sent", unit="visits/s", rounds=[(50, 100)])),
    }
    text = "\n".join(estimate.section(parts))
    # 1000 × 0.5 × 3600 ÷ 5 ÷ 0.15 and 50 × 0.5 × 3600 ÷ 0.15.
    assert "2,400,000 visits a day" in text
    assert "600,000 requests a day" in text
    assert "several_servers.md" in text
    assert estimate.section({"pages": parts["pages"]}) == []


# --- The whole program -----------------------------------------------------------------------


@pytest.mark.processes
def test_a_try_out_measures_pages_and_writes_a_report(tmp_path, capsys):
    bench.main(["weight", "pages", "--quick", "--rounds=1", f"--into={tmp_path}"])
    kept = json.loads((tmp_path / "latest.json").read_text(encoding="utf-8"))["parts"]
    names = [line["name"] for line in kept["pages"]["results"]]
    assert "Procedure page, warm, SQLite" in names
    assert "Procedure page, made anew, SQLite" in names
    assert all(line["value"] > 0 for line in kept["pages"]["results"])
    assert {line["name"] for line in kept["weight"]["results"]} >= {"Form: HTML and CSS"}
    assert (tmp_path / "pages.svg").exists()
    assert "Public pages" in capsys.readouterr().out


def test_a_try_out_does_not_pass_for_a_measurement(monkeypatch, tmp_path):
    monkeypatch.setattr(bench, "PARTS", {})
    monkeypatch.setattr(bench.tempfile, "gettempdir", lambda: str(tmp_path))
    before = sorted(bench.FOLDER.glob("*")) if bench.FOLDER.exists() else None
    bench.main(["--quick"])
    assert (tmp_path / "benchmarks" / "README.md").exists()
    assert (sorted(bench.FOLDER.glob("*")) if bench.FOLDER.exists() else None) == before

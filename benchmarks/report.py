"""What `make bench` leaves in docs/benchmarks/: the figures as JSON, and a page to read."""

import json
from datetime import UTC, datetime

from . import charts, estimate

TITLES = {
    "pages": "Public pages",
    "form": "The patient's form",
    "growth": "Growth",
    "memory": "Memory",
    "weight": "Page weight",
    "lighthouse": "Lighthouse",
}
EXPLAINED = {
    "pages": "Requests in a second that one gunicorn worker with four threads answers on one "
    "core, while a small client keeps eight connections busy from the other core. *Warm* is "
    "the same address again and again, as patients ask for it. Three lines ask for what is not "
    "ready: *with a query* for an address that nobody has asked for before, as letters and "
    "advertisements tag theirs; *after a change elsewhere* for a page of a site in which "
    "something else was changed since the last request, every time; *made anew* for a page "
    "that nobody has asked for or that was itself changed, every time (its best compression, "
    "once the reader has it, is left out). The reference is a view that returns a string, "
    "without middleware, template or database.",
    "form": "Four patients at once, each from a network of its own. *A request is sent* is the "
    "POST alone; *opened, sent and confirmed* is what a patient's browser really does. The "
    "reference asks the same questions and stores one row; the site stores the request, three "
    "consents, two lines of its timeline, the words it is found by, and two mails, in one "
    "transaction that is on disk before the page says thank you.",
    "growth": "The same page on two databases, in turn, within one process for each: "
    "authentication, queries and templates, without HTTP. Both sites hold sixty people "
    "of one name, so that a search for them fills its page with fifty rows on both; the number "
    "of rows is noted. The dashboard shows figures that the worker counts every "
    "minute. The plans are what PostgreSQL's EXPLAIN ANALYZE says of each query on the full "
    "site: rows found, pages of 8 kB looked at, time, and the steps from the last to the first.",
    "memory": "Megabytes of one gunicorn worker with four threads, after every public page was "
    "asked for in every encoding. The cache of pages is what the target is about: what a worker "
    "holds for it beyond the pages themselves. A whole site with its admin is more code than a "
    "bare view, whatever it caches; that line is there to be known. Workers that are forked from "
    "one process share what neither of them writes to.",
    "weight": "Compressed bytes as a browser that knows Brotli gets them. The limit for HTML and "
    "style sheets is what fits into the first round trip of a new connection.",
    "lighthouse": "Lighthouse's simulated telephone, the median of three runs, through the proxy "
    "that the handbook sets up, with TLS and HTTP/2. The reference for the largest contentful "
    "paint is a page of plain text behind the same proxy. Blocking time is made of real seconds "
    "of this machine's processor: it says something only where nothing else runs.",
}
ANCHORS = """Measured elsewhere in the same way, on another machine, as anchors and not as
references: a bare Django view 3,160 requests/s; Wagtail 8 with its page cache 1,935; django CMS
861; a plain Django page with three queries 424; uncached Wagtail 93; nginx with the same bytes
72,000; Wagtail's form page 0.12 × the minimal form."""


def write(folder, machine, results, not_measured):
    """Writes latest.json, README.md and a chart for each part. Parts that were not measured
    this time keep their figures of before, with the date of those."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC).isoformat(timespec="minutes")
    kept = _before(folder)
    for part, lines in results.items():
        kept[part] = {
            "measured_at": now,
            "machine": machine,
            "results": [line.as_json() for line in lines],
        }
        drawn = [line for line in lines if line.ratio]
        (folder / f"{part}.svg").write_text(charts.bars(TITLES[part], drawn), encoding="utf-8")
    document = {"parts": kept, "not_measured": not_measured}
    (folder / "latest.json").write_text(
        json.dumps(document, indent=1, ensure_ascii=False, default=str) + "\n", encoding="utf-8"
    )
    (folder / "README.md").write_text(page(kept, not_measured), encoding="utf-8")


def _before(folder):
    path = folder / "latest.json"
    return json.loads(path.read_text(encoding="utf-8"))["parts"] if path.exists() else {}


def page(parts, not_measured):
    lines = [
        "# How fast it is",
        "",
        "Written by `make bench`; the figures behind it are in [latest.json](latest.json). "
        '`make bench ARGS="pages form"` measures some parts, `--quick` tries the programs.',
        "",
        "**How to read it.** Seconds depend on the machine, so each value stands beside a "
        "reference that was measured in turn with it, in the same run. The *ratio* is the median "
        "over the rounds of value ÷ reference of that round. A target is met or missed by its "
        "ratio; a line without a target informs. A bar that ends at the dotted line equals its "
        "reference.",
        "",
    ]
    for part in TITLES:
        if part in parts:
            lines += _section(part, parts[part])
    lines += estimate.section(parts)
    lines += ["## Anchors", "", " ".join(ANCHORS.split()), ""]
    for part, why in not_measured.items():
        lines += [f"Not measured this time: {TITLES[part]}, because {why}.", ""]
    return "\n".join(lines)


def _section(part, measured):
    machine = measured["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return [
        f"## {TITLES[part]}",
        "",
        EXPLAINED[part],
        "",
        f"![{TITLES[part]}]({part}.svg)",
        "",
        "| what | measured | reference | ratio | target | met |",
        "|---|--:|--:|--:|--:|:-:|",
        *(_row(line) for line in measured["results"]),
        "",
        *_plans(measured["results"]),
        f"Measured {measured['measured_at']} at {machine['commit']} on {machine['processor']}, "
        f"{machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}, "
        f"Python {machine['python']}, {packages}. Load before it began: "
        f"{machine['load_before'] or 0:.1f}.",
        "",
    ]


def _row(line):
    target = ""
    if line["target"] is not None:
        target = f"{'≤' if line['is_ceiling'] else '≥'} {line['target']:g}"
    met = {True: "yes", False: "**no**", None: ""}[line["is_met"]]
    name = line["name"] + (f" ({line['note']})" if line["note"] else "")
    unit = f" {line['unit']}".rstrip()
    return (
        f"| {name} | {number(line['value'])}{unit} | {number(line['reference_value'])}{unit}, "
        f"{line['reference']} | {line['ratio']:.2f} | {target} | {met} |"
    )


def _plans(results):
    """What EXPLAIN said, as one sentence and a table of the lines behind a fold."""
    planned = [line for line in results if line["details"].get("plans")]
    if not planned:
        return []
    scanned = [line["name"] for line in planned if line["details"]["sequential"]]
    said = (
        f"Sequential scans over requests: {', '.join(scanned)}."
        if scanned
        else "No query of these pages scans the requests, or what belongs to them, from end to end."
    )
    lines = [said, "", "<details><summary>Plans</summary>", ""]
    for line in planned:
        plans = "\n".join(line["details"]["plans"])
        lines += [f"**{line['name']}**, {line['details']['queries']} queries", ""]
        lines += ["```", plans, "```", ""]
    return [*lines, "</details>", ""]


def number(value):
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.{1 if value >= 10 else 2}f}".rstrip("0").rstrip(".")

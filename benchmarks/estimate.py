"""How far one machine goes, by arithmetic on what was measured."""

# Of a day's visits, the share that falls into its busiest hour; pages that a visit asks for.
BUSIEST_HOUR = 0.15
PAGES_A_VISIT = 5
# Half of what a core can do is left for everything else and for the unforeseen.
USED = 0.5
WORKING_DAYS = 250


def section(parts):
    """Lines of Markdown; empty until pages and form were measured."""
    page = _slowest(parts, "pages", "warm")
    cold = _slowest(parts, "pages", "anew")
    elsewhere = _slowest(parts, "pages", "elsewhere")
    form = _slowest(parts, "form", "opened")
    if not (page and cold and elsewhere and form):
        return []
    visits = page * USED * 3600 / PAGES_A_VISIT / BUSIEST_HOUR
    requests = form * USED * 3600 / BUSIEST_HOUR
    lines = [
        "## How far one machine goes",
        "",
        "One worker on one core, by the slowest line of each kind above:",
        "",
        f"- **Visits.** {page:,.0f} warm pages a second, of which half are used: "
        f"{page:,.0f} × {USED:g} × 3,600 s = {page * USED * 3600:,.0f} pages in an hour. A visit "
        f"of {PAGES_A_VISIT} pages, with {BUSIEST_HOUR:.0%} of a day's visits in its busiest "
        f"hour: ÷ {PAGES_A_VISIT} ÷ {BUSIEST_HOUR:g} = **{visits:,.0f} visits a day**.",
        f"- **After a change.** Pages that it touches are made anew at {cold:,.0f} a second, and "
        f"{elsewhere:,.0f} others a second are seen to be as they were; a site of 100 pages is "
        f"warm again after {100 / cold:.1f} s of work at most.",
        f"- **Requests.** {form:,.1f} whole visits to the form a second, half used, "
        f"{BUSIEST_HOUR:.0%} of them in the busiest hour: {form:,.1f} × {USED:g} × 3,600 ÷ "
        f"{BUSIEST_HOUR:g} = **{requests:,.0f} requests a day**, "
        f"{requests * WORKING_DAYS:,.0f} in {WORKING_DAYS} working days. The limits of "
        "one address and network keep a single sender far below that.",
    ]
    full = [line for line in parts.get("growth", {}).get("results", []) if "Inbox" in line["name"]]
    if full:
        worst = max(full, key=lambda line: line["ratio"])
        lines.append(
            f"- **Rows.** The slowest view of the full inbox takes {worst['value']:,.0f} ms, "
            f"{worst['ratio']:.2f} × the small one ({worst['name']}). A practice that gets forty "
            "requests on each working day has 10,000 in a year, and erases them after its "
            "retention time: it never has a million."
        )
    return [
        *lines,
        "",
        "So a practice needs a second server for the day the first one breaks, not for speed: "
        "[several servers](../several_servers.md).",
        "",
    ]


def _slowest(parts, part, word):
    lines = parts.get(part, {}).get("results", [])
    values = [line["value"] for line in lines if word in line["name"] and line["unit"][-2:] == "/s"]
    return min(values, default=None)

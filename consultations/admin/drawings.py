"""Numbers turned into the measures of small drawings, which templates write as SVG."""

BAR = 100
CHART_HEIGHT, CHART_WIDTH = 210, 640
# Room for the number above a column, and for the week below it.
HEAD, FOOT = 30, 36


def bars(title, head, rows):
    """A table whose numbers are drawn beside it; the longest bar is BAR wide."""
    most = max((number for _, number in rows), default=0) or 1
    return {
        "title": title,
        "head": head,
        "rows": [
            {"label": label, "number": number, "width": round(BAR * number / most, 1)}
            for label, number in rows
        ],
    }


def weeks(numbers):
    """Two columns for each week: received and answered."""
    most = max((week["received"] for week in numbers), default=0) or 1
    step = CHART_WIDTH / len(numbers)
    drawn = []
    for place, week in enumerate(numbers):
        left = place * step
        heights = {
            name: round((CHART_HEIGHT - HEAD - FOOT) * week[name] / most, 1)
            for name in ("received", "answered")
        }
        drawn.append(
            {
                **week,
                "left": round(left + step * 0.15, 1),
                "beside": round(left + step * 0.5, 1),
                "above": round(left + step * 0.315, 1),
                "middle": round(left + step * 0.5, 1),
                "width": round(step * 0.33, 1),
                "received_height": heights["received"],
                "answered_height": heights["answered"],
                "received_top": CHART_HEIGHT - FOOT - heights["received"],
                "number_foot": CHART_HEIGHT - FOOT - heights["received"] - 6,
                "answered_top": CHART_HEIGHT - FOOT - heights["answered"],
            }
        )
    return {
        "weeks": drawn,
        "width": CHART_WIDTH,
        "height": CHART_HEIGHT,
        "ground": CHART_HEIGHT - FOOT,
        "foot": CHART_HEIGHT - 10,
        "most": most,
        "received": sum(week["received"] for week in numbers),
        "answered": sum(week["answered"] for week in numbers),
    }

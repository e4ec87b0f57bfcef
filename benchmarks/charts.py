"""Bar charts as SVG files that stand by themselves: no script, no style of a page needed."""

from xml.sax.saxutils import escape

ROW, LABEL, WIDTH, RIGHT = 26, 330, 760, 70
MET, MISSED, NEUTRAL, INK = "#1f6f6b", "#b3541e", "#8a8f98", "#22252a"


def bars(title, rows):
    """`rows` are Results; each bar is a ratio to its reference, the line is 1.

    A bar that would run out of the picture ends at three times the reference.
    """
    most = min(max([1.2, *(row.ratio for row in rows)]), 3)
    scale = (WIDTH - LABEL - RIGHT) / most
    height = ROW * (len(rows) + 2)
    one = round(LABEL + scale, 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="13" fill="{INK}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="12" y="20" font-size="15" font-weight="600">{escape(title)}</text>',
        f'<path d="M{one} {ROW}V{height - 4}" stroke="{NEUTRAL}" stroke-dasharray="3 3"/>',
    ]
    for place, row in enumerate(rows):
        top = ROW * (place + 1) + 6
        colour = {True: MET, False: MISSED, None: NEUTRAL}[row.is_met]
        width = round(min(row.ratio, most) * scale, 1)
        parts += [
            f'<text x="{LABEL - 8}" y="{top + 13}" text-anchor="end">'
            f"{escape(_short(row.name))}</text>",
            f'<rect x="{LABEL}" y="{top}" width="{width}" height="17" fill="{colour}"/>',
            f'<text x="{LABEL + width + 6}" y="{top + 13}">{row.ratio:.2f} ×</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _short(name):
    return name if len(name) <= 48 else f"{name[:47]}…"

"""Requests as CSV or XLSX. Every export has a reason and is recorded, as is each row it held."""

import csv
import tempfile
from array import array
from datetime import datetime

from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType

from practice.encryption import readable
from practice.models import Practice

from ..models import ConsultationRequest

# A spreadsheet runs a cell that begins with one of these as a formula.
# Source: OWASP, CSV Injection.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

UNREADABLE = "[cannot be read with the keys of the site]"

COLUMNS = (
    ("Reference", lambda row: row.reference),
    ("State", lambda row: row.get_status_display()),
    ("Reason", lambda row: row.get_close_reason_display()),
    ("Received", lambda row: row.received_at),
    ("Respond by", lambda row: row.respond_by),
    ("First response", lambda row: row.first_response_at),
    ("Response minutes", lambda row: row.response_minutes),
    ("Closed", lambda row: row.closed_at),
    ("Owner", lambda row: row.owner),
    ("Came from", lambda row: row.get_origin_display()),
    ("Referred by", lambda row: row.referred_by),
    ("Name", lambda row: row.full_name),
    ("Email", lambda row: row.email),
    ("Phone", lambda row: row.phone),
    ("Contact by", lambda row: row.get_contact_method_display()),
)
HEALTH_COLUMNS = (
    ("Procedure", lambda row: row.procedure),
    ("In the patient's words", lambda row: readable(row, "message", UNREADABLE)),
)
# Moments, in practice time: their headings say which.
MOMENTS = ("Received", "Respond by", "First response", "Closed")
AS_SHOWN = {"csv": "%Y-%m-%d %H:%M", "xlsx": "yyyy-mm-dd hh:mm"}
WIDE_ENOUGH = 17  # Characters: a spreadsheet shows ##### for a date that does not fit.
AT_ONCE = 500  # Rows in memory. In one query: SQLite takes no longer lists everywhere.


class Echo:
    """Something to write to that hands each line straight on."""

    def write(self, line):
        return line


def escaped(value) -> str:
    """A cell as text that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text


def record(requests, *, by, reason, kind, with_health) -> array:
    """Writes the export and each of its rows into the audit trail.

    Returns the keys of what was recorded, in the order of `requests`: these are what may leave.
    """
    keys = array("q", requests.values_list("pk", flat=True).iterator(chunk_size=AT_ONCE))
    content_type = ContentType.objects.get_for_model(ConsultationRequest)
    why = {"export": kind, "reason": reason, "rows": len(keys), "with_health": with_health}

    def entry(pk, shown):
        return LogEntry(
            content_type=content_type,
            object_pk=str(pk),
            object_id=pk or None,
            object_repr=shown,
            action=LogEntry.Action.ACCESS,
            changes={},
            actor=by,
            actor_email=by.email,
            additional_data=why,
        )

    LogEntry.objects.bulk_create([entry(0, f"Export of {len(keys)} requests")])
    for some in _in_parts(keys):
        named = ConsultationRequest.objects.filter(pk__in=some).values_list("pk", "reference")
        LogEntry.objects.bulk_create(entry(*each) for each in named)
    return keys


def csv_lines(keys, *, with_health):
    """The export line by line, so that its size does not matter. Begins with a byte order
    mark, without which spreadsheets take it for another encoding."""
    columns, zone = _columns(with_health), Practice.current().zone
    writer = csv.writer(Echo())
    yield "\ufeff" + writer.writerow(_headings(columns, zone))
    for row in _rows(keys, with_health):
        cells = (_moment(value(row), zone) for _, value in columns)
        yield writer.writerow(
            [
                cell.strftime(AS_SHOWN["csv"]) if isinstance(cell, datetime) else escaped(cell)
                for cell in cells
            ]
        )


def xlsx_file(keys, *, with_health):
    """The export as an open temporary file, written row by row; moments are dates, the rest is
    text."""
    import xlsxwriter  # 2 MB of code, of which most processes never need a line.

    columns, zone = _columns(with_health), Practice.current().zone
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the response closes it)
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(file, options)
    as_moment = book.add_format({"num_format": AS_SHOWN["xlsx"]})
    sheet = book.add_worksheet("Requests")
    for column, (name, _) in enumerate(columns):
        if name in MOMENTS:
            sheet.set_column(column, column, WIDE_ENOUGH)
    sheet.write_row(0, 0, _headings(columns, zone))
    for number, row in enumerate(_rows(keys, with_health), 1):
        for column, (_, value) in enumerate(columns):
            cell = _moment(value(row), zone)
            if isinstance(cell, datetime):
                sheet.write_datetime(number, column, cell, as_moment)
            else:
                sheet.write_string(number, column, escaped(cell))
    book.close()
    file.seek(0)
    return file


def _columns(with_health):
    return (*COLUMNS, *HEALTH_COLUMNS) if with_health else COLUMNS


def _headings(columns, zone):
    return [f"{name} ({zone.key})" if name in MOMENTS else name for name, _ in columns]


def _moment(value, zone):
    """A moment as the practice's clock showed it, to the minute; any other value as it is."""
    if not isinstance(value, datetime):
        return value
    return value.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)


def _rows(keys, with_health):
    """The rows in the order of `keys`, a part at a time; those erased since are left out."""
    for some in _in_parts(keys):
        rows = ConsultationRequest.objects.filter(pk__in=some).select_related("owner", "procedure")
        rows = rows.defer(None if with_health else "message")
        found = {row.pk: row for row in rows}
        yield from (found[key] for key in some if key in found)


def _in_parts(keys):
    for start in range(0, len(keys), AT_ONCE):
        yield list(keys[start : start + AT_ONCE])

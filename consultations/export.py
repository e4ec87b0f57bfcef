"""Requests as CSV or XLSX. Every export has a reason and is recorded, as is each row it held."""

import csv
import tempfile

from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType

from practice.encryption import readable

from .models import ConsultationRequest

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
    ("Name", lambda row: row.full_name),
    ("Email", lambda row: row.email),
    ("Phone", lambda row: row.phone),
    ("Contact by", lambda row: row.get_contact_method_display()),
)
HEALTH_COLUMNS = (
    ("Procedure", lambda row: row.procedure),
    ("In the patient's words", lambda row: readable(row, "message", UNREADABLE)),
)


class Echo:
    """Something to write to that hands each line straight on."""

    def write(self, line):
        return line


def escaped(value) -> str:
    """A cell as text that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text


def record(requests, *, by, reason, kind, with_health) -> int:
    """Writes the export and each of its rows into the audit trail; returns the number of rows."""
    keys = list(requests.order_by().values_list("pk", "reference"))
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
    LogEntry.objects.bulk_create((entry(*each) for each in keys), batch_size=1000)
    return len(keys)


def csv_lines(requests, *, with_health):
    """The export line by line, so that its size does not matter. Begins with a byte order
    mark, without which spreadsheets take it for another encoding."""
    columns = _columns(with_health)
    writer = csv.writer(Echo())
    yield "\ufeff" + writer.writerow([name for name, _ in columns])
    for row in _rows(requests, with_health):
        yield writer.writerow([escaped(value(row)) for _, value in columns])


def xlsx_file(requests, *, with_health):
    """The export as an open temporary file, written row by row; every cell is text."""
    import xlsxwriter  # 2 MB of code, of which most processes never need a line.

    columns = _columns(with_health)
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the response closes it)
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(file, options)
    sheet = book.add_worksheet("Requests")
    sheet.write_row(0, 0, [name for name, _ in columns])
    for number, row in enumerate(_rows(requests, with_health), 1):
        for column, (_, value) in enumerate(columns):
            sheet.write_string(number, column, escaped(value(row)))
    book.close()
    file.seek(0)
    return file


def _columns(with_health):
    return (*COLUMNS, *HEALTH_COLUMNS) if with_health else COLUMNS


def _rows(requests, with_health):
    rows = requests.select_related("owner", "procedure")
    return rows.defer(None if with_health else "message").iterator(chunk_size=1000)

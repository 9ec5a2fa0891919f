"""A table as a CSV file (RFC 4180, UTF-8), for whoever opens it in a spreadsheet.

A route takes ``form: InCsvForm`` and answers ``csv_answer("alerts", columns, rows, form)``.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple

from fastapi import Depends, Query, Response

from pleintemps_gateway.usage.document import harmless

MEDIA: Final = "text/csv; charset=utf-8"
_BOM: Final = "\ufeff"
_NAME: Final = re.compile(r"[a-z0-9-]{1,80}")


class CsvForm(NamedTuple):
    """``bom``: a byte order mark first, without which Excel takes UTF-8 for its own code page.

    With ``decimal = "comma"`` numbers have a decimal comma and columns are parted by semicolons, as a
    spreadsheet in French reads them.
    """

    bom: bool = False
    decimal: Literal["point", "comma"] = "point"


def csv_form(
    bom: Annotated[bool, Query(description="A byte order mark first, for Excel")] = False,
    decimal: Annotated[
        Literal["point", "comma"], Query(description="comma: decimal commas, columns parted by semicolons")
    ] = "point",
) -> CsvForm:
    """FastAPI dependency: what the reader's spreadsheet wants."""
    return CsvForm(bom, decimal)


InCsvForm = Annotated[CsvForm, Depends(csv_form)]
PLAIN: Final = CsvForm()


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]], form: CsvForm = PLAIN) -> bytes:
    """The bytes of the file: None is an empty cell, a truth value 1 or 0, no text is a formula."""
    text = io.StringIO()
    if form.bom:
        text.write(_BOM)
    writer = csv.writer(text, delimiter=";" if form.decimal == "comma" else ",")
    writer.writerow([harmless(name) for name in columns])
    for row in rows:
        writer.writerow([_cell(value, form) for value in row])
    return text.getvalue().encode()


def csv_answer(
    name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], form: CsvForm = PLAIN
) -> Response:
    """The file ``name``.csv as a download that nobody keeps; raises ValueError if ``name`` is no slug."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a file")
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"}
    return Response(write_csv(columns, rows, form), media_type=MEDIA, headers=headers)


def _cell(value: Any, form: CsvForm) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float) and form.decimal == "comma":
        return repr(value).replace(".", ",")
    return harmless(value)

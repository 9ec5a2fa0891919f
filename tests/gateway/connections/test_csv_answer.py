"""Tables as files: what a spreadsheet makes of them is what was in the table, and never a formula."""

import csv
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_gateway.api.csv_answer import CsvForm, csv_answer, write_csv

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
FORM = st.builds(CsvForm, st.booleans(), st.sampled_from(["point", "comma"]))


def read(body: bytes, form: CsvForm) -> list[list[str]]:
    text = body.decode("utf-8-sig" if form.bom else "utf-8")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=";" if form.decimal == "comma" else ","))


@given(st.lists(st.tuples(TEXT, st.floats(allow_nan=False, allow_infinity=False)), max_size=4), FORM)
def test_what_is_read_back_is_what_was_written_and_no_formula(
    rows: list[tuple[str, float]], form: CsvForm
) -> None:
    header, *found = read(write_csv(["name", "level"], rows, form), form)
    assert header == ["name", "level"]
    assert len(found) == len(rows)
    for (text, number), (cell, figure) in zip(rows, found, strict=True):
        assert cell[:1] not in ("=", "+", "-", "@", "\t", "\r")
        assert cell.removeprefix("'") == text.removeprefix("'")
        assert math.isclose(float(figure.replace(",", ".")), number)


def test_a_french_spreadsheet_has_its_comma_and_its_mark() -> None:
    body = write_csv(["espace", "niveau"], [("gymnase é", -3.5), (None, True)], CsvForm(True, "comma"))
    assert body == "\ufeffespace;niveau\r\ngymnase é;-3,5\r\n;1\r\n".encode()


def test_the_answer_is_a_download_that_nobody_keeps() -> None:
    answer = csv_answer("alerts", ["a"], [("=1+1",)])
    assert answer.headers["content-disposition"] == 'attachment; filename="alerts.csv"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert bytes(answer.body) == b"a\r\n'=1+1\r\n"


def test_a_name_cannot_break_out_of_its_header() -> None:
    with pytest.raises(ValueError, match="no name"):
        csv_answer('x"\r\nSet-Cookie: a=b', ["a"], [])

"""Text as a cell that no spreadsheet carries out. Pure.

Excel, LibreOffice and Sheets take a cell that begins with = + - @ (or a wide form of them) for a formula, and formulas
can call programs and send data away. Names and job titles are what strangers typed into forms. So such a cell gets an
apostrophe in front, which spreadsheets do not show. A phone number of digits stays as it is: it can only be a number.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

FORMULA = frozenset("=+-@\uff1d\uff0b\uff0d\uff20|%")
_PHONE = re.compile(r"\+[0-9][0-9 ]*", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)


def cell(text: str) -> str:
    """The text of a cell.

    >>> cell("=cmd|' /C calc'!A0"), cell("+49 30 1234"), cell(" @SUM(A1)"), cell("Ann-Marie")
    ("'=cmd|' /C calc'!A0", '+49 30 1234', "' @SUM(A1)", 'Ann-Marie')
    """
    plain = "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)
    if _PHONE.fullmatch(plain) or _NUMBER.fullmatch(plain):
        return plain
    return f"'{plain}" if plain.lstrip()[:1] in FORMULA and plain.strip() else plain


def render(header: Sequence[str], rows: Iterable[Sequence[str]], delimiter: str) -> bytes:
    """A whole file: UTF-8, every cell quoted, lines end with CR LF (RFC 4180). Equal rows give equal bytes."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([cell(name) for name in header])
    writer.writerows([cell(each) for each in row] for row in rows)
    return text.getvalue().encode("utf-8", "replace")

"""What strangers wrote (a form, a key, a header) must not steer the terminal of whoever reads it. Pure."""

from __future__ import annotations

import re

_STEERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line separators, changes of direction, halves of surrogate pairs."""
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str) -> str:
    r"""`text` with such characters spelt out.

    >>> printable("clear\x1b[2J"), printable("a\nb")
    ('clear\\x1b[2J', 'a\\nb')
    """
    return _STEERS.sub(_spelt_out, text)


def _spelt_out(found: re.Match[str]) -> str:
    character = found[0]
    number = ord(character)
    return _SHORT.get(character) or (f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}")

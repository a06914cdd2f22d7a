"""What sales' reasons mean: the catalogue both teams agreed on, compiled for looking up, strict about unknown words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Literal

from baton_schemas.documents.reasons import Reason, Reasons
from services.runtime.errors import Permanent

Answer = Literal["rejected", "lost"]
DAY_MS = 86_400_000


class Catalogue:
    """All reasons in force, by code. Documents are merged; the codes of all of them together are unique."""

    def __init__(self, documents: Iterable[Reasons]) -> None:
        self._reasons: dict[str, Reason] = {}
        for document in documents:
            for reason in document.reasons:
                if reason.code in self._reasons:
                    raise ValueError(f"reasons: {reason.code}: given in two documents, keep one")
                self._reasons[reason.code] = reason

    def __len__(self) -> int:
        return len(self._reasons)

    def find(self, code: str) -> Reason | None:
        """The reason, or None when the catalogue does not have it (any more)."""
        return self._reasons.get(code)

    def judge(self, answer: Answer, code: str | None) -> Reason:
        """The reason that sales gave with `answer`.

        Raises Permanent `invalid_field` without one, `unknown_reason` for a word that is not in the catalogue or not
        meant for this answer. The fix names reasons of the catalogue, never what was sent.
        """
        fitting = [reason.code for reason in self._reasons.values() if answer in reason.applies_to]
        if code is None:
            raise Permanent("invalid_field", field="reason", fix=f"{answer} needs one of: {', '.join(fitting)}")
        reason = self._reasons.get(code)
        if reason is None:
            close = difflib.get_close_matches(code.strip().lower().replace(" ", "_"), list(self._reasons), n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise Permanent("unknown_reason", field="reason", fix=f"{hint}known for {answer}: {', '.join(fitting)}")
        if answer not in reason.applies_to:
            raise Permanent("unknown_reason", field="reason", fix=f"not for {answer}; use one of: {', '.join(fitting)}")
        return reason

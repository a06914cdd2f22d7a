"""What a metric's declaration consists of, and which values a label may carry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from services.runtime.errors import BatonError

Kind = Literal["counter", "gauge", "level", "histogram"]
Room = Literal["runtime", "scorer", "router", "feedback", "connector"]

OTHER = "other"
"""What a label says once its set is full, or instead of a value that no label may carry."""


class MetricMisuse(BatonError):
    """An observation that the catalogue does not know: a bug of ours, never of the input."""


@dataclass(frozen=True, slots=True)
class Label:
    """A label and what it may say: one of `values`, or (if that is empty) the first `limit` names that come along."""

    name: str
    values: tuple[str, ...] = ()
    limit: int = 64


@dataclass(frozen=True, slots=True)
class Metric:
    """One declaration.

    counter: only grows. gauge: is set. level: moved by +1 and -1, kept with its partition (`runtime.levels`).
    histogram: `edges` are upper bounds in the metric's unit, without the infinite one.
    """

    name: str
    kind: Kind
    room: Room
    help: str
    labels: tuple[Label, ...] = ()
    edges: tuple[float, ...] = ()


_NAME = re.compile(r"[^\W_][\w .:/+&-]{0,63}")
_LOOKS_PERSONAL = re.compile(r"@|\d{7}|[0-9a-f]{16}")


def admissible(label: Label, value: str) -> bool:
    """Whether `label` may carry `value`: a word of its closed set, or a short name that looks like nobody's key,
    address or number."""
    if label.values:
        return value in label.values
    return _NAME.fullmatch(value) is not None and _LOOKS_PERSONAL.search(value) is None

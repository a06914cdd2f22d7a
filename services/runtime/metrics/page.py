"""The metric catalogue as a page for people: what is committed as `deploy/prometheus/METRICS.md`."""

from __future__ import annotations

from services.runtime.metrics.catalogue import CATALOGUE
from services.runtime.metrics.declaration import Label


def table() -> str:
    """The catalogue as the Markdown page that is committed as `deploy/prometheus/METRICS.md`."""
    lines = [
        "# Metrics",
        "",
        "Generated from `services/runtime/metrics/catalogue.py`: `python -m services.runtime.metrics.page`.",
        "A label with a closed set lists it; any other takes so many names from configuration, then says `other`.",
        "A level is exposed as a gauge.",
        "",
        "| metric | kind | of | labels | meaning |",
        "|---|---|---|---|---|",
    ]
    for metric in CATALOGUE.values():
        labels = ", ".join(_label_text(label) for label in metric.labels)
        edges = f" Edges: {', '.join(f'{edge:g}' for edge in metric.edges)}." if metric.edges else ""
        lines.append(f"| `{metric.name}` | {metric.kind} | {metric.room} | {labels} | {metric.help}{edges} |")
    return "\n".join(lines) + "\n"


def _label_text(label: Label) -> str:
    if label.values:
        return f"{label.name} ({', '.join(label.values)})"
    return f"{label.name} (at most {label.limit})"


if __name__ == "__main__":
    print(table(), end="")  # noqa: T201

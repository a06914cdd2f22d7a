"""Metrics: one typed catalogue, and the numbers of a process."""

from services.runtime.metrics.catalogue import CATALOGUE
from services.runtime.metrics.declaration import MetricMisuse
from services.runtime.metrics.store import Metrics

__all__ = ["CATALOGUE", "MetricMisuse", "Metrics"]

"""The memory engine: a log, lanes and journals in one process, with a settable clock and seeded faults.

It runs the same processors under the same promises as the engines on Kafka, the same way for the same seed. Tests,
simulation, `baton plan`, backtests and replay use it.
"""

from services.runtime.memory.engine import MemoryEngine, Stopped
from services.runtime.memory.faults import Crash, Faults, Gap
from services.runtime.memory.log import Log

__all__ = ["Crash", "Faults", "Gap", "Log", "MemoryEngine", "Stopped"]

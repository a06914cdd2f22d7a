"""On what it was measured: numbers without a machine mean nothing."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil

from services.runtime.embedded.jars import kafka_version, locked_jars
from services.runtime.embedded.java import find_java


def machine() -> dict[str, str]:
    """Names and versions, in the order in which they are shown."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "CPU": f"{_cpu()}, {cores} cores (the broker and the load run on the same)",
        "memory": f"{psutil.virtual_memory().total / 1e9:.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "Kafka": kafka_version(locked_jars()),
        "Java": _java(),
        "faust-streaming": version("faust-streaming"),
        "aiokafka": version("aiokafka"),
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE) if info.exists() else None
    return found[1] if found else platform.processor() or platform.machine()


def _java() -> str:
    told = subprocess.run([find_java().executable, "-version"], capture_output=True, text=True, check=True).stderr
    found = re.search(r'version "([^"]+)"', told)
    return found[1] if found else "?"

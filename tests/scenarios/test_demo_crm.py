"""`baton demo --crm` as people run it, in small: reps in a real Tryton, and both sides say the same in the end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.kafka, pytest.mark.crm, pytest.mark.timeout(400)]


def test_reps_in_a_real_crm_and_both_sides_agree(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BATON_")}
    environment |= {"BATON_DATA_DIR": str(tmp_path / "data")} | {
        name: value for name, value in os.environ.items() if name in ("BATON_TRYTON", "BATON_CACHE_DIR")
    }
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "demo", "--crm", "--people", "150", "--seconds", "30"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    for law in ("one record", "no stranger", "same owner", "same stage", "touches told", "leads kept", "one owner"):
        found = re.search(rf"  holds   {law} \(([\d,]+) looked at\)", done.stdout)
        assert found, law
        assert int(found[1].replace(",", "")) > 5, law
    assert "CRM: a real Tryton at http://127.0.0.1:" in done.stdout

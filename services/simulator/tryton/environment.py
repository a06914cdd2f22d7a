"""Where Tryton is installed (`make tryton` does it), which versions, and what its programs see of our environment."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from services.runtime.errors import UserError

VARIABLE = "BATON_TRYTON"
_DEFAULT = Path(".tryton")


@dataclass(frozen=True, slots=True)
class Environment:
    """The virtual environment that holds Tryton."""

    root: Path

    @property
    def server(self) -> Path:
        """The server's program."""
        return self.root / "bin" / "trytond"

    @property
    def admin(self) -> Path:
        """The program that makes and updates databases."""
        return self.root / "bin" / "trytond-admin"

    def fingerprint(self) -> str:
        """Changes with every version of Tryton or of one of its modules."""
        installed = sorted(path.name for path in self.root.glob("lib/python*/site-packages/trytond*.dist-info"))
        return hashlib.sha256("\n".join(installed).encode()).hexdigest()


def find_environment() -> Environment:
    """`BATON_TRYTON`, else `.tryton` here. Raises `UserError` if no Tryton is in it."""
    found = Environment(Path(os.environ.get(VARIABLE) or _DEFAULT).absolute())
    if not found.server.exists():
        raise UserError(f"no Tryton in {found.root}", fix=f"make tryton, or set {VARIABLE} to its environment")
    return found


def environ(home: Path) -> dict[str, str]:
    """What Tryton's programs see. Nothing is inherited: any TRYTOND_... variable of ours would win over our file."""
    return {
        "HOME": str(home),
        "USER": "tryton",  # it asks for a name at start, and a container's user may have none
        "PATH": os.defpath,
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONUNBUFFERED": "1",
    }

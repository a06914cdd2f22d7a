"""How a CRM can fail, by what happens next. Adapters raise these and nothing else."""

from __future__ import annotations

from services.connectors.deal import Deal
from services.runtime.errors import BatonError


class CrmError(BatonError):
    """Base. `code` is a short word for metrics; the text names what was asked for, never whose data it was."""

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(f"{code}: {text}" if text else code)
        self.code = code


class Later(CrmError):
    """The same may be served later; `retry_after_s` is what the other side asked for."""

    def __init__(self, code: str, text: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(code, text)
        self.retry_after_s = retry_after_s


class Unavailable(Later):
    """Nobody can be served just now (away, overloaded, our log-in refused): everything waits, nobody is given up."""


class Failing(Later):
    """This request failed, and another may not: tried again with growing pauses, in the end a dead letter."""


class Conflict(CrmError):
    """Somebody wrote to the record in between: read it again and decide anew."""


class Overtaken(Conflict):
    """Somebody wrote to the record in between, and the CRM did not notice: it carried out our write as well. `deal` is
    the record as they left it; who had it has it again."""

    def __init__(self, deal: Deal) -> None:
        super().__init__("overtaken")
        self.deal = deal


class Refused(CrmError):
    """The CRM will never take this: a dead letter at once. `field` and `fix` say what to change."""

    def __init__(self, code: str, *, field: str = "", fix: str = "") -> None:
        super().__init__(code, f"{field}: {fix}" if field else fix)
        self.field = field
        self.fix = fix

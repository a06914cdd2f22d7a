"""One small tree of errors, because what happens next depends on the kind alone.

    BatonError
    |- UserError        a person can fix it: the CLI prints one line and exits with 2
    |- Permanent        this record can never be used: dead letter, the partition goes on
    |- Transient        the same call may work later: bounded retry in place, then exit
    `- Fenced           another owner writes our journal: stop at once, touch nothing

Anything else that leaves a processor is a bug: the good prefix of the batch is committed and the worker stops.
"""

from __future__ import annotations


class BatonError(Exception):
    """Base of every error that Baton raises on purpose."""


class UserError(BatonError):
    """Bad input from a person. `problem` names what is wrong and where (file, field), `fix` what to do.

    >>> str(UserError("config/teams.yaml: teams[0].reps: empty", fix="name at least one rep"))
    'config/teams.yaml: teams[0].reps: empty - name at least one rep'
    """

    exit_code = 2

    def __init__(self, problem: str, *, fix: str = "") -> None:
        super().__init__(f"{problem} - {fix}" if fix else problem)
        self.problem = problem
        self.fix = fix


class Permanent(BatonError):
    """A record that can never be used. It becomes a dead letter; nothing in here may hold personal data.

    `code` is a short snake_case word (a metric label, from a bounded set), `field` the offending field or header
    path, `fix` what its sender should do.
    """

    def __init__(self, code: str, *, field: str = "", fix: str = "") -> None:
        super().__init__(": ".join(part for part in (code, field, fix) if part))
        self.code = code
        self.field = field
        self.fix = fix


class Transient(BatonError):
    """The same call may succeed later; the lane holds still and retries within its bound."""


class Fenced(BatonError):
    """A newer owner has claimed this partition; whatever this one still holds must not be told to anybody."""

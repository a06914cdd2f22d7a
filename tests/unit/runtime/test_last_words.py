"""How a worker ends is said in one line, with where and why, and without what the error quotes of the input (L8)."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError
from structlog.testing import capture_logs

from services.runtime import worker
from services.runtime.kafka.core import Core
from services.runtime.kafka.surroundings import ProcessorFailed
from services.runtime.settings import load
from services.runtime.tracebacks import message


class Strict(BaseModel):
    """What a bug may trip over."""

    n: int


def invalid() -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Strict.model_validate({"n": "jane@example.com"})
    return caught.value


ERRORS = [
    ValueError("invalid literal for int() with base 10: 'jane@example.com'"),
    KeyError("jane@example.com"),
    invalid(),
]


@pytest.mark.parametrize("cause", ERRORS)
def test_where_a_processor_failed_and_on_what_kind_of_error(cause: Exception) -> None:
    said = str(ProcessorFailed.at("scorer", "engagement.events/3/41", cause))
    assert said.startswith(f"scorer: engagement.events/3/41: {type(cause).__name__}")
    assert "jane" not in said
    assert "\n" not in said


@pytest.mark.parametrize("cause", ERRORS)
def test_the_last_line_and_the_log_say_no_more(
    cause: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work(*_: object) -> None:
        raise cause

    monkeypatch.setattr(worker, "_work", work)
    assert worker.run("scorer", [], load()) == 70
    said = capsys.readouterr().err
    assert said.startswith(f"baton scorer: exit 70 (BUG): {type(cause).__name__}")
    assert said.count("\n") == 1
    assert "jane" not in said
    with capture_logs() as logged:
        Core("scorer", [], load(kafka="127.0.0.1:1")).fail(cause)
    assert "jane" not in str(logged)


def test_our_own_errors_keep_their_words() -> None:
    assert message(ProcessorFailed.at("router", "t/0/1", OSError("disk 'a'"))).endswith(
        "router: t/0/1: OSError: disk 'a'"
    )

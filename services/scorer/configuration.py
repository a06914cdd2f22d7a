"""What is in force: signed definitions and the models over them, read from the topics that every process reads whole.

A set that is broken, unsigned or whose definitions can't be in force together is refused, once for each snapshot, with
a reason; the last good one stays in force. With none at all nothing can be judged, so the lane is told to wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pydantic import ValidationError

from baton_schemas.configuration import COMING_KEY, DefinitionComing, ErasureRequested
from baton_schemas.documents.campaigns import Campaigns
from baton_schemas.documents.definition import LeadDefinition
from baton_schemas.feedback import ModelPublished
from services.runtime.agreement import agreed_in, check_signed, read_signers
from services.runtime.config_set import CONFIG_TOPIC, BrokenSetError, active_set
from services.runtime.documents import parse
from services.runtime.errors import Transient, UserError
from services.runtime.processor import Globals
from services.scorer.definition import compile_campaigns, compile_rules, read
from services.scorer.scope import Definitions, together

MODELS_TOPIC = "scoring.models"
ERASURES_TOPIC = "privacy.erasures"


class InForce:
    """Compiles once per change of the topics, and remembers the last good rules."""

    def __init__(self) -> None:
        self._seen: tuple[int, int] | None = None
        self._snapshot: Globals | None = None
        self._definitions: Definitions | None = None
        self.refusal: str | None = None
        """Why the configuration on the topic is not in force, or None when it is."""

    def definitions(self, snapshot: Globals) -> Definitions:
        """The definitions in force. Raises Transient when there never were any."""
        if snapshot is not self._snapshot or self._definitions is None:
            self._snapshot = snapshot
            offsets = (snapshot.offsets.get(CONFIG_TOPIC, -1), snapshot.offsets.get(MODELS_TOPIC, -1))
            if offsets != self._seen or self._definitions is None:
                self._seen = offsets
                self._take_up(snapshot)
        if self._definitions is None:
            raise Transient(self.refusal or "no configuration: run `baton apply config/`")
        return self._definitions

    def _take_up(self, snapshot: Globals) -> None:
        try:
            self._definitions = compiled(snapshot)
            self.refusal = None
        except (UserError, BrokenSetError, ValidationError) as error:
            self.refusal = str(error)


def compiled(snapshot: Globals) -> Definitions:
    """The definitions in a snapshot. Raises UserError or BrokenSetError when they may not be in force."""
    found = active_set(snapshot)
    if not found.of("definition"):
        raise UserError("no configuration", fix="run `baton apply config/`")
    coming = coming_in(snapshot)
    campaigns = compile_campaigns(
        parse(Campaigns, text, f"campaigns/{name}") for name, text in found.of("campaigns").items()
    )
    every = []
    for _, agreed in sorted(agreed_in(found).items()):
        rules = compile_rules(agreed.definition, model_of(snapshot, agreed.definition.name), agreed.approvals)
        every.append(replace(rules, campaigns=campaigns))
    known = together(every)
    return known if coming is None else known.counting_for(coming)


def coming_in(snapshot: Globals) -> LeadDefinition | None:
    """The definition that a look-back counts for, if people of both teams signed it who may when it is in force; any
    other counts for nothing."""
    packed = snapshot.table(CONFIG_TOPIC).get(COMING_KEY.encode())
    if packed is None:
        return None
    try:
        said = DefinitionComing.model_validate_json(packed)
        coming = read(said.text, COMING_KEY)
        check_signed(coming, read_signers({"signers": said.signers}))
    except (ValidationError, UserError):
        return None
    return coming


def erased_at(erasures: Mapping[bytes, bytes], key: bytes) -> int | None:
    """When the person asked to be forgotten (ms), or None."""
    packed = erasures.get(key)
    if packed is None:
        return None
    return ErasureRequested.model_validate_json(packed).at


def model_of(snapshot: Globals, definition: str) -> ModelPublished | None:
    """The model of a definition by name, or None. Raises UserError when it can't be read."""
    packed = snapshot.table(MODELS_TOPIC).get(definition.encode())
    if packed is None:
        return None
    try:
        return ModelPublished.model_validate_json(packed)
    except ValidationError:
        raise UserError(f"{MODELS_TOPIC}: {definition}: not a model", fix="publish a valid model") from None

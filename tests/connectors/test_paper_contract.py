"""The contract itself, on paper: what it asks for can be done, so a connector that fails it is at fault."""

from __future__ import annotations

import pytest

from services.connectors.contract import CrmContract
from tests.connectors.paper import PaperCrm, PaperHands


class TestPaper(CrmContract):
    @pytest.fixture
    def crm(self) -> PaperCrm:
        return PaperCrm()

    @pytest.fixture
    def hands(self, crm: PaperCrm) -> PaperHands:
        return PaperHands(crm)

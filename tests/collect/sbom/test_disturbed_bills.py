"""Every form of a bill of materials, disturbed: a bill, or the one error that reading raises."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from tests.collect.sbom import bills
from tests.disturbed import disturbed

from nephoscope.collect.sbom.bill_of_materials import UnreadableBillError
from nephoscope.collect.sbom.sbom_reader import read_bill


@pytest.mark.parametrize("count", [6, pytest.param(2_000, marks=pytest.mark.full)])
@pytest.mark.parametrize("name", sorted(bills.EVERY))
def test_a_disturbed_bill_is_read_or_refused(name: str, count: int) -> None:
    source = random.Random(name)
    others = list(bills.EVERY.values())
    for _ in range(count):
        with suppress(UnreadableBillError):
            read_bill(name, disturbed(bills.EVERY[name], source, others)).packages()

"""Lists by vulnerability out of memory say what PostgreSQL counts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.service.inventory_house import House, advisory, package
from tests.service.test_vulnerability_index import compare

from nephoscope.state import State

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.system


def test_memory_and_server_count_alike(postgresql: str, tmp_path: Path) -> None:
    name = f"holders_{os.getpid()}"
    with psycopg.connect(postgresql.format(database="postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    with State.open(postgresql.format(database=name), tmp_path / "keys") as state:
        house = House(state, tmp_path)
        house.imports(advisory(1, "lamp", "2.0"), advisory(2, "lamp", "3.0"), advisory(3, "desk", "2.0"))
        house.machine(package("lamp", "1.0"), package("desk", "1.0"))
        assert len(compare(house)) == 3
        house.later(minutes=1)
        house.machine(package("lamp", "2.0"))
        house.image(package("desk", "1.0"))
        counted = {one.vulnerability.id: (one.machines, one.images) for one in compare(house)}
        assert counted == {"CVE-2031-2": (1, 0), "CVE-2031-3": (0, 1)}

"""A lease that is kept: written anew only where a third of its time is over, and told as lost where another has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nephoscope.state import State
from nephoscope.state.state_ledger import HeldLease


def test_a_lease_is_renewed_where_a_third_of_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    with State.open_folder(tmp_path) as state:
        lease = state.leases.acquire("load", "here", 30)
        assert lease is not None
        held, until = HeldLease(lease, 30), lease.until
        told = []
        for clock[0] in (1000.0, 1009.0, 1011.0, 1020.0, 1022.0):
            assert held.keep()
            told.append(held._lease.until > until)
            until = held._lease.until
        assert told == [False, False, True, False, True]
        state.leases.acquire("load", "here", 30)
        assert held.keep(), "nothing is asked before it is due"
        clock[0] = 1040.0
        assert not held.keep()

"""The worker of registries: what keeps one of them from being looked at is told where people look, once, and keeps no other."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.protect.registry.quarantine import watching

from nephoscope.protect.registry.registry_watch import POLLED, RegistryWatch
from nephoscope.serve.registry_worker import _poll_registries
from nephoscope.state.leases.lease_holder import create_holder_name
from nephoscope.state.leases.lease_renewal import Turns
from nephoscope.state.registries.watched_registries import WatchedRegistry

NOW = datetime(2031, 1, 2, tzinfo=UTC)


def test_a_fault_is_told_until_it_is_mended(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with watching(tmp_path, "127.0.0.1:1") as house:
        state = house.state

        def keep(**settings: object) -> None:
            with state.database.write() as session:
                state.watched_registries.put(
                    session, WatchedRegistry("prod", "127.0.0.1:1", settings, NOW, NOW)
                )

        keep(pollingMinutes=0, of_another_version=1)
        watch = RegistryWatch(state, house.examiner, lambda: NOW)
        with caplog.at_level(logging.ERROR), Turns(state.leases, create_holder_name()) as turns:
            for _ in range(2):
                assert _poll_registries(state, turns, watch) == 0
            told = state.checkpoints.get(POLLED, "prod") or {}
            assert "of_another_version" in told["error"]
            assert len(caplog.records) == 1
            keep(pollingMinutes=0)
            assert _poll_registries(state, turns, watch) == 0
        assert (state.checkpoints.get(POLLED, "prod") or {})["error"] == ""

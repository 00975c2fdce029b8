"""A state with its instance, certificates for loopback, and apps served over TLS."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import uvicorn
from tests.signing_keys import put_signing_key

from nephoscope.access.authenticator import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.ingest.live.tls import issue_self_signed
from nephoscope.instance import Instance
from nephoscope.lake.lake import Lake
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.serve.server import make_listener
from nephoscope.state import State

TENANT = "5b1f0d9e-3a52-4c51-9a0e-0d6a1c7b8e90"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """(certificate, key, authority) for loopback."""
    return issue_self_signed(tmp_path_factory.mktemp("tls"), ("127.0.0.1",))


@pytest.fixture(scope="session")
def served(certificate):
    """Serves an app over TLS in a thread: its address."""

    @contextmanager
    def run(app):
        socket = make_listener("127.0.0.1", 0)
        config = uvicorn.Config(
            app, ssl_certfile=certificate[0], ssl_keyfile=certificate[1],
            log_config=None, lifespan="off", ws="none",
        )  # fmt: skip
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([socket],))
        thread.start()
        try:
            yield f"https://127.0.0.1:{socket.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()

    return run


class Clock:
    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def instance(tmp_path, clock):
    with (
        State.open(f"sqlite:///{tmp_path / 'state.db'}", tmp_path / "keys", clock=clock) as state,
        Lake.open(tmp_path, state) as lake,
    ):
        guard = Guard(state, lambda: Hierarchy({}))
        put_signing_key(tmp_path)
        tokens = AccessTokenIssuer(state, tmp_path / "keys", TENANT)
        yield Instance(tmp_path, state, lake, PublishedSnapshotCache(tmp_path), guard, tokens, TENANT)

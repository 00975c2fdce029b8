"""What the tests of live sources share: a sink in memory, a source that runs, and waiting without guessing how long."""

from __future__ import annotations

import importlib.util
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from nephoscope.ingest.source_failures import SourceStoppedError


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"live_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[f"live_{name}"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def sink():
    return _module("memory").MemorySink()


@pytest.fixture
def until() -> Callable[..., None]:
    """Wait until something is true; a test that waits so long has failed."""

    def wait(true: Callable[[], object], what: str = "", limit: float = 180.0) -> None:
        end = time.monotonic() + limit
        while not true():
            assert time.monotonic() < end, f"never came: {what or true}"
            time.sleep(0.02)

    return wait


@pytest.fixture
def running():
    """Run a source in a thread within a block; what it raised is raised at the end of the block."""

    @contextmanager
    def run(source, sink) -> Iterator[threading.Event]:
        stop, failed = threading.Event(), []

        def body() -> None:
            try:
                source.run(sink, stop)
            except SourceStoppedError:
                pass
            except BaseException as error:  # noqa: BLE001 - handed to the test
                failed.append(error)

        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        try:
            yield stop
        finally:
            stop.set()
            thread.join(60)
        assert not thread.is_alive(), "the source did not stop"
        if failed:
            raise failed[0]

    return run


@pytest.fixture(scope="module")
def azurite(tmp_path_factory):
    """Azurite with nothing in it, for the tests of a module; the client libraries trust its certificate."""
    with (
        pytest.MonkeyPatch.context() as patch,
        _module("azurite").azurite(tmp_path_factory.mktemp("azurite")) as running,
    ):
        patch.setenv("REQUESTS_CA_BUNDLE", str(running.authority))
        yield running


@pytest.fixture(scope="module")
def kafka(tmp_path_factory):
    """A broker without sign-in."""
    with _module("kafka").broker(tmp_path_factory.mktemp("kafka"), secure=False) as running:
        yield running


@pytest.fixture(scope="module")
def secure_kafka(tmp_path_factory):
    """A broker behind TLS and SASL PLAIN."""
    with _module("kafka").broker(tmp_path_factory.mktemp("secure-kafka"), secure=True) as running:
        yield running

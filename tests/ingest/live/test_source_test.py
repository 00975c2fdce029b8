"""A source that somebody tries from a page: it ends in time, and those that hang hold up nobody else."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from nephoscope.ingest.live import source_setup, source_test
from nephoscope.ingest.source_failures import SourceError


@pytest.fixture
def hanging(monkeypatch):
    """A source that answers once it is let go."""
    go_on = threading.Event()

    def waits(*_):
        go_on.wait()
        return "Connection succeeded"

    monkeypatch.setattr(source_setup, "test_source", waits)
    yield go_on
    go_on.set()


def tried(seconds):
    return source_test.run_test(None, None, Path(), "slow", seconds)


def test_a_source_that_does_not_answer_is_told_so_and_few_wait_for_it(hanging, monkeypatch):
    for _ in range(source_test.MOST):
        with pytest.raises(SourceError, match=r"no response within 0\.01 seconds"):
            tried(0.01)
    with pytest.raises(SourceError, match="already being tested"):
        tried(60)
    hanging.set()
    monkeypatch.setattr(source_setup, "test_source", lambda *_: "Connection succeeded")
    while source_test._SLOTS._value < source_test.MOST:
        time.sleep(0.01)
    assert tried(60) == "Connection succeeded"


def test_what_a_source_says_is_told(monkeypatch):
    def refuses(*_):
        raise SourceError("no such place")

    monkeypatch.setattr(source_setup, "test_source", refuses)
    with pytest.raises(SourceError, match="no such place"):
        tried(60)


def test_a_time_out_of_the_source_itself_is_its_own(monkeypatch):
    def times_out(*_):
        raise TimeoutError("the handshake")

    monkeypatch.setattr(source_setup, "test_source", times_out)
    with pytest.raises(TimeoutError, match="the handshake"):
        tried(60)

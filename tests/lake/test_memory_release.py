"""What is freed goes back to the system, now and then."""

from __future__ import annotations

import ctypes

import pytest

from nephoscope.lake.writing import memory_release


def test_a_trim_is_done_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    monkeypatch.setattr(memory_release, "_find_release_function", lambda: done.append)
    monkeypatch.setattr(memory_release, "_trimmed", [float("-inf")])
    memory_release.trim_memory()
    memory_release.trim_memory()
    assert done == [0]
    memory_release._trimmed[0] -= memory_release.TRIM_EVERY
    memory_release.trim_memory()
    assert done == [0, 0]


def test_the_systems_allocator_is_the_one_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_release, "_trimmed", [float("-inf")])
    there = hasattr(ctypes.CDLL(None), "malloc_trim")
    assert (memory_release._find_release_function() is not None) is there
    memory_release.trim_memory()

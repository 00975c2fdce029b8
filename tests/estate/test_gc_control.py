"""Without the collector of cycles: it runs again afterwards, and finds cycles that were made meanwhile."""

import gc
import weakref
from threading import Event

import pytest

from nephoscope.estate import gc_control
from nephoscope.estate.gc_control import freeze_heap, pause_collection


class Node:
    """Something that can point to itself."""


def test_the_collector_runs_again() -> None:
    with pause_collection():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_runs_again_after_an_error() -> None:
    with pytest.raises(ValueError, match="no"), pause_collection():
        raise ValueError("no")
    assert gc.isenabled()


def test_a_caller_who_switched_it_off_keeps_it_off() -> None:
    gc.disable()
    try:
        with pause_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_cycles_made_meanwhile_are_found_later() -> None:
    with pause_collection():
        node = Node()
        node.own = node
        seen = weakref.ref(node)
        del node
    assert seen() is not None
    gc.collect()
    assert seen() is None


def test_what_was_made_is_old_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc_control, "_frozen", Event())
    with pause_collection():
        made = [[number] for number in range(1000)]
    young = {id(one) for one in gc.get_objects(generation=0)}
    freeze_heap()  # as this process was
    assert not young & {id(one) for one in made}


def test_what_was_frozen_stays_frozen() -> None:
    freeze_heap()
    frozen = gc.get_freeze_count()
    with pause_collection():
        pass
    # what is frozen may still die: nothing of it is let go at once
    assert frozen - 1000 < gc.get_freeze_count() <= frozen

"""What tests put into a state beforehand has no audit entries; what the faces of the product do below them must have."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any

import click
import pytest
from starlette.testclient import TestClient

from nephoscope.state.database.audit_enforcement import as_product

_END = object()
_main, _request = click.Command.main, TestClient.request


def strictly() -> Any:
    """Let the state refuse within the block what has no entry, as it does outside of tests."""
    return as_product("")


def _run(self: click.Command, *arguments: Any, **options: Any) -> Any:
    with strictly():
        return _main(self, *arguments, **options)


def _ask(self: TestClient, *arguments: Any, **options: Any) -> Any:
    with strictly():
        return _request(self, *arguments, **options)


@contextmanager
def arranging() -> Iterator[None]:
    """Let the code of tests change what people decide, while commands and servers that they run may not."""
    with pytest.MonkeyPatch.context() as patch, as_product("arrangement of a test"):
        patch.setattr(click.Command, "main", _run)
        patch.setattr(TestClient, "request", _ask)
        yield


def by_itself(patch: pytest.MonkeyPatch, kind: type, name: str) -> None:
    """Let a method of the product's own loops do what it does without the rights of the test that calls it."""
    found = getattr(kind, name)
    patch.setattr(kind, name, _iterated(found) if isgeneratorfunction(found) else _called(found))


def _called(do: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(do)
    def call(*arguments: Any, **options: Any) -> Any:
        with strictly():
            return do(*arguments, **options)

    return call


def _iterated(make: Callable[..., Generator[Any]]) -> Callable[..., Iterator[Any]]:
    @wraps(make)
    def iterate(*arguments: Any, **options: Any) -> Iterator[Any]:
        several = make(*arguments, **options)
        try:
            while True:
                with strictly():
                    one = next(several, _END)
                if one is _END:
                    return
                yield one
        finally:
            several.close()

    return iterate

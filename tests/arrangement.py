"""What tests put into a state beforehand has no audit entries; what the faces of the product do below them must have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import pytest
from starlette.testclient import TestClient

from nephoscope.state.audit_enforcement import by_product

_main, _request = click.Command.main, TestClient.request


def strictly() -> Any:
    """Let the state refuse within the block what has no entry, as it does outside of tests."""
    return by_product("")


def _run(self: click.Command, *arguments: Any, **options: Any) -> Any:
    with strictly():
        return _main(self, *arguments, **options)


def _ask(self: TestClient, *arguments: Any, **options: Any) -> Any:
    with strictly():
        return _request(self, *arguments, **options)


@contextmanager
def arranging() -> Iterator[None]:
    """Let the code of tests change what people decide, while commands and servers that they run may not."""
    with pytest.MonkeyPatch.context() as patch, by_product("arrangement of a test"):
        patch.setattr(click.Command, "main", _run)
        patch.setattr(TestClient, "request", _ask)
        yield

"""Actors on the state, as the audit names them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """A name, and the address that the request came from ('' = this machine)."""

    name: str
    address: str = ""

"""Verdict cache key: digest of product, content, assignments and exemptions."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import nephoscope
import nephoscope_policy
from nephoscope.content.loader import load_documents
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.policies.plan_builder import PlanRequest
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope_policy.catalog import PolicyCatalog
from nephoscope_policy.documents import ContentDocument, ContentError

if TYPE_CHECKING:
    from nephoscope.posture.exposure.allowed_openings import AllowedOpenings

_YOUNG = 2_000_000_000
_SKIPPED = "__pycache__"


def hash_inputs(
    request: PlanRequest, packs: Packs, now: datetime, allowed: AllowedOpenings | None = None
) -> bytes | None:
    """Give the digest of the product, of what a plan is built from at a time, and of the openings that are allowed.

    None where a file of the product changed within the last seconds, so that its time does not tell it from what it was.
    """
    product = _compute_product_digest()
    if product is None:
        return None
    decisions = [one for path in request.decisions for one in load_documents(Path(path))]
    inputs: list[object] = [
        product,
        list(packs.list_digests()),
        [list(_read_contents(load_documents(Path(folder)))) for folder in request.policies],
        request.initiatives,
        request.parameters,
        list(_read_contents(decisions)),
        _list_active_decisions(decisions, now),
        request.assigned,
        allowed,
    ]
    return hashlib.sha256(msgspec.msgpack.encode(inputs)).digest()


def _list_active_decisions(decisions: Iterable[ContentDocument], now: datetime) -> list[tuple[str, bool]]:
    """Return which exemptions and attestations hold at a time."""
    plan = EvaluationPlan(PolicyCatalog([])).reading(decisions)
    exempted = [(one.id, one.is_active(now)) for one in plan.exemptions]
    return exempted + [(one.id, one.active(now)) for one in plan.attestations]


def _read_contents(listed: Iterable[ContentDocument]) -> Iterator[tuple[str, str]]:
    for one in listed:
        try:
            yield one.place.file, hashlib.sha256(one.data).hexdigest()
        except ContentError as error:
            yield one.place.file, str(error)


@cache
def _compute_product_digest() -> str | None:
    return compute_product_digest([Path(nephoscope.__file__).parent, Path(nephoscope_policy.__file__).parent])


def compute_product_digest(folders: Iterable[Path]) -> str | None:
    """Name the code and content in folders by the sizes and times of their files; None where one is too young for that."""
    stamps = sorted(stamp for folder in folders for stamp in _list_stamps(str(folder)))
    youngest = max((changed for _, _, changed in stamps), default=0)
    if time.time_ns() - youngest < _YOUNG:
        return None
    inputs = (nephoscope.__version__, nephoscope_policy.__version__, msgspec.__version__, sys.version, stamps)
    return hashlib.sha256(msgspec.msgpack.encode(inputs)).hexdigest()


def _list_stamps(folder: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as listed:
        for one in listed:
            if one.is_dir():
                if one.name != _SKIPPED:
                    yield from _list_stamps(one.path)
            else:
                status = one.stat()
                yield one.path, status.st_size, status.st_mtime_ns

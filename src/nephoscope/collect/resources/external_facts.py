"""External facts beside a snapshot: documents with their claim and time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from nephoscope.files.snapshot_files import SourceFile
    from nephoscope_policy.model.resource import Resource


class LearnedResources(msgspec.Struct, frozen=True):
    """Resources with the scope and the entry of a manifest that was read with them.

    They lie in a lower-cased subscription; `tenant` is what their writer said of it, '' where nothing. A claim that no longer `holds`
    says nothing of what is not among the resources.
    """

    resources: tuple[Resource, ...]
    scope: str
    entry: str
    read_at: datetime
    subscription: str
    tenant: str
    source: SourceFile
    holds: bool = True


#: Gives the external facts about some lower-cased subscriptions.
Learning = Callable[[Collection[str]], Iterable[LearnedResources]]


def load_no_facts(_: Collection[str]) -> Iterable[LearnedResources]:
    """No external facts."""
    return ()

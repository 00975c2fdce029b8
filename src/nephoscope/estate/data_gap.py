"""Data gap: data that a query on the estate needs and the snapshot lacks."""

from __future__ import annotations


class DataNotCollectedError(Exception):
    """The answer depends on a resource or a fact that was not read.

    `what` names it for a person: a resource id, a resource type with its scope, or a Graph fact. `cause` is the
    machine word that an assessment carries ('not-collected' unless the fact exists but cannot be modelled).
    """

    def __init__(self, what: str, cause: str = "not-collected") -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause

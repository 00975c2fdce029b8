"""Data gap: data that a query on the estate needs and the snapshot lacks."""

from __future__ import annotations


class DataNotCollectedError(Exception):
    """The answer depends on a resource or a fact that was not read.

    `what` and `cause` are those of a Gap: `what` names what was not collected (a resource id, a resource type with its scope, a
    Graph fact), and is a sentence for any other cause.
    """

    def __init__(self, what: str, cause: str = "not-collected") -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause

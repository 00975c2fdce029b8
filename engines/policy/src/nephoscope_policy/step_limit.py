"""Step limit: the items that a rule may count for one resource, and the resources that may exceed it.

Counts within counts multiply: three over ten thousand numbers each would hold an assessment of everybody up for years.
"""

from __future__ import annotations

#: Members that the counts of a rule go over for one resource: a network security group has 4,000 addresses and ports at most.
MOST = 250_000
#: For so many resources a rule may ask for more, before it is judged for no further one whose counts have members.
PATIENCE = 10


class StepsError(Exception):
    """The counts of a rule go over more members than they may: the rule is not judged for the resource."""

    def __init__(self) -> None:
        super().__init__(
            f"its counts go over more than {MOST:,} members for one resource: the rule is not judged"
        )


class StepTally:
    """Tally of the times that a rule has exceeded its bound."""

    __slots__ = ("over",)

    def __init__(self) -> None:
        self.over = 0

    def steps(self) -> Steps:
        """Return what an evaluation of the rule may do."""
        return Steps(self, MOST if self.over < PATIENCE else 0)


class Steps:
    """Steps that one evaluation has left."""

    __slots__ = ("_left", "_tally")

    def __init__(self, tally: StepTally | None = None, left: int | None = None) -> None:
        self._tally, self._left = tally, MOST if left is None else left

    def spend(self, members: int) -> None:
        """Go over members; StepsError where they are too many."""
        self._left -= members
        if self._left < 0:
            if self._tally is not None:
                self._tally.over += 1
            raise StepsError

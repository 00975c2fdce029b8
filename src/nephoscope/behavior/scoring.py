"""Score how unusual an activity is, as a number and in words; pure.

A value has a surprise in bits: -log2 of the probability that the entity shows it on a day, where what is not known of the entity is
taken from its peers, and what is not known of them from the tenant (Dirichlet smoothing, level by level):

    tenant = (days of others with it + 0.5) / (days of others + 1)
    peers  = (days of peers with it + 20 tenant) / (days of peers + 20)
    user   = (days of the user with it + 2 peers) / (days of the user + 2)

5 bits or less are nothing (once in a month), 20 bits are all; between them it is linear. The dimensions join as independent
evidence: 1 - product(1 - weight x share), times what the account can do (blast radius), halved for a failure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nephoscope.behavior.profile_dimensions import DIMENSIONS

USUAL_BITS, WHOLE_BITS = 5.0, 20.0
PEERS_COUNT_FOR, TENANT_COUNTS_FOR = 2.0, 20.0
BLAST = {"High": 1.3, "Medium": 1.15}
FAILED, SHARED, DORMANT = 0.5, 0.2, 1.3
FEW_PEERS = 5
"""Fewer peers with a history say nothing."""
UNCOMMON_PEERS, UNCOMMON_TENANT, UNCOMMON_USER = 0.05, 0.01, 0.1


@dataclass(frozen=True, slots=True)
class ProfileFacts:
    """Profile of a dimension's value before the day in question, all counts in days of the look-back.

    `days` of `active` days the entity showed it; `recent` of its `recent_active` days in the last ten; `last` is days since the last
    time (None = never); `history` how many days the baseline reaches back. Of `peers` with a history `peer_users` showed it, on
    `peer_days` of `peer_active` days together; the same for `others`, who are all other entities of the kind.
    """

    dimension: str
    value: str
    days: int
    active: int
    recent: int
    recent_active: int
    last: int | None
    history: int
    learned: bool
    peers: int
    peer_users: int
    peer_days: int
    peer_active: int
    others: int
    other_users: int
    other_days: int
    other_active: int

    @property
    def first(self) -> bool:
        """Return whether a first time may be claimed."""
        return self.learned and self.days == 0

    @property
    def is_uncommon(self) -> bool:
        """Return whether it is uncommon for the entity, a first time included."""
        return self.learned and self.recent <= UNCOMMON_USER * self.recent_active

    @property
    def are_peers_known(self) -> bool:
        """Return whether there are enough peers with a history to speak of."""
        return self.peers >= FEW_PEERS

    @property
    def is_uncommon_among_peers(self) -> bool:
        """Return whether one in twenty peers at most shows it."""
        return self.are_peers_known and self.peer_users <= UNCOMMON_PEERS * self.peers

    @property
    def is_first_in_tenant(self) -> bool:
        """Return whether nobody showed it."""
        return self.other_users == 0 and self.days == 0

    @property
    def is_uncommon_in_tenant(self) -> bool:
        """Return whether one in a hundred at most shows it."""
        return self.other_users <= UNCOMMON_TENANT * self.others

    @property
    def bits(self) -> float:
        """The surprise."""
        tenant = (self.other_days + 0.5) / (self.other_active + 1)
        peers = (self.peer_days + TENANT_COUNTS_FOR * tenant) / (self.peer_active + TENANT_COUNTS_FOR)
        user = (self.days + PEERS_COUNT_FOR * peers) / (self.active + PEERS_COUNT_FOR)
        return -math.log2(min(1.0, user))

    @property
    def share(self) -> float:
        """The surprise between 0 and 1."""
        return min(1.0, max(0.0, (self.bits - USUAL_BITS) / (WHOLE_BITS - USUAL_BITS)))


@dataclass(frozen=True, slots=True)
class ActivityContext:
    """Context of an activity's score besides its values: `sharing` is how many other entities use its address."""

    blast: str = "Low"
    failed: bool = False
    dormant: bool = False
    sharing: int = 0
    shared: bool = False


@dataclass(frozen=True, slots=True)
class AnomalyScore:
    """A score with its parts: (dimension, bits, what it counts for); `factor` is what the circumstances make of it."""

    priority: int
    parts: tuple[tuple[str, float, float], ...]
    factor: float


def score_facts(facts: Sequence[ProfileFacts], around: ActivityContext) -> AnomalyScore:
    """The priority from 0 to 10, whatever the order of the facts."""
    parts = sorted((one.dimension, one.bits, _weight_by_rarity(one, around)) for one in facts)
    rest = math.prod(1 - counts for _, _, counts in parts)
    factor = (
        BLAST.get(around.blast, 1.0)
        * (FAILED if around.failed else 1.0)
        * (DORMANT if around.dormant else 1.0)
    )
    return AnomalyScore(min(10, round(10 * (1 - rest) * factor)), tuple(parts), factor)


def _weight_by_rarity(facts: ProfileFacts, around: ActivityContext) -> float:
    dimension = DIMENSIONS[facts.dimension]
    weight = dimension.weight * (SHARED if around.shared and dimension.place else 1.0)
    return weight * facts.share


def explain_score(facts: ProfileFacts, activity: str) -> str:
    """Explain why a value is unusual, as `first sign-in from PT in 30 days; none of 20 peers, 3 of 480 others`."""
    dimension = DIMENSIONS[facts.dimension]
    span = f"in {min(dimension.lookback, facts.history)} days"
    said = dimension.phrase.format(facts.value)
    failed = "failed " if activity.startswith("failed") else ""
    subject = f"{failed}{said}" if dimension.name == "Operation" else f"{activity} {said}"
    if facts.first:
        begin = f"first {subject} {span}"
    elif facts.learned:
        begin = f"{subject} is rare: on {facts.days} of {facts.active} days" + (
            f", last {facts.last} days ago" if facts.last is not None else ""
        )
    else:
        begin = f"{subject}, by an account that is new here"
    return f"{begin}; {_describe_prevalence(facts)}"


def _describe_prevalence(facts: ProfileFacts) -> str:
    peers = (
        f"{_format_share(facts.peer_users, facts.peers)} peers" if facts.are_peers_known else "peers unknown"
    )
    return f"{peers}, {_format_share(facts.other_users, facts.others)} others"


def _format_share(count: int, whole: int) -> str:
    return f"none of {whole}" if count == 0 else f"{count} of {whole}"

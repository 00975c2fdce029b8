"""Rank the peers of each user by shared groups and attributes, where small groups weigh more than large ones.

Two users' score is the sum over the groups, roles, department, title and manager that both have of ln(users / members): the weight of
TF-IDF, as Sentinel describes its UserPeerAnalytics. In a group of more than LARGE members each user is set beside the next ones
in an order that is fixed by a hash, so that the work grows with the users and not with their pairs.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping

LARGE = 60


def find_peers(terms: Mapping[str, frozenset[str]], most: int) -> dict[str, list[str]]:
    """User -> their peers, the closest first, at most `most`; the order of users and terms does not matter.

    What everybody shares weighs nothing and makes no peers.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for user, several in terms.items():
        for term in several:
            members[term].append(user)
    weights = {term: math.log(len(terms) / len(users)) for term, users in members.items()}
    rings = {term: _Ring(users) for term, users in members.items()}
    found = {}
    for user, several in terms.items():
        scores: dict[str, float] = defaultdict(float)
        for term in sorted(one for one in several if weights[one] > 0):
            for peer in rings[term].list_neighbors(user, most):
                scores[peer] += weights[term]
        ranked = sorted(scores, key=lambda peer: (-scores[peer], peer))
        found[user] = ranked[:most]
    return found


class _Ring:
    """The members of a group in a fixed order."""

    def __init__(self, users: list[str]) -> None:
        self.users = sorted(
            users, key=lambda user: (hashlib.blake2b(user.encode(), digest_size=8).digest(), user)
        )
        self.place = {user: place for place, user in enumerate(self.users)}

    def list_neighbors(self, user: str, most: int) -> list[str]:
        """All others of a group that is not large, else the next ones."""
        if len(self.users) <= LARGE:
            return [one for one in self.users if one != user]
        start, size = self.place[user], len(self.users)
        return [self.users[(start + step) % size] for step in range(1, min(most, size - 1) + 1)]

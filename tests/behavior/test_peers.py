"""Peers: the closest share the smallest groups; any order gives the same; large groups cost no square."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nephoscope.behavior.peers import LARGE, find_peers

terms = st.dictionaries(
    st.text("abcd", min_size=1, max_size=3), st.frozensets(st.sampled_from("pqrst"), min_size=1), max_size=12
)


@given(terms, st.randoms(), st.integers(1, 5))
def test_peers_do_not_depend_on_the_order(terms, random, most) -> None:
    shuffled = list(terms.items())
    random.shuffle(shuffled)
    found = find_peers(terms, most)
    assert found == find_peers(dict(shuffled), most)
    for user, several in found.items():
        assert user not in several
        assert len(several) <= most
        assert all(terms[user] & terms[peer] for peer in several)


def test_a_small_group_counts_more_than_a_large_one() -> None:
    many = {f"u{n:02d}": frozenset({"large"}) for n in range(30)} | {
        f"x{n:02d}": frozenset({"else"}) for n in range(30)
    }
    terms = {"me": frozenset({"small", "large"}), "near": frozenset({"small"}), **many}
    assert find_peers(terms, 3)["me"][0] == "near"


def test_what_all_share_makes_no_peers() -> None:
    assert find_peers({f"u{n}": frozenset({"all"}) for n in range(5)}, 3) == {f"u{n}": [] for n in range(5)}


def test_a_large_group_gives_each_as_many_as_are_asked_for() -> None:
    terms = {f"u{n:03d}": frozenset({"large"}) for n in range(3 * LARGE)} | {"other": frozenset({"else"})}
    found = find_peers(terms, 20)
    assert {len(several) for user, several in found.items() if user != "other"} == {20}

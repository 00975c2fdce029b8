"""The decision points of SSVC: keys of values in their order, by the key of the point and its version."""

from __future__ import annotations


def _read_points(text: str) -> dict[str, dict[str, tuple[str, ...]]]:
    """Read `key version,version values` a line."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for line in text.strip().splitlines():
        key, versions, *values = line.split()
        for version in versions.split(","):
            found.setdefault(key, {})[version] = tuple(values)
    return found


#: Points by namespace. A point without values is there, but what it may say is not checked.
POINTS: dict[str, dict[str, dict[str, tuple[str, ...]]]] = {
    "ssvc": _read_points(
        """
        A 2.0.0 N Y
        COORDINATE 1.0.0,1.0.1 D T C
        CS 1.0.0 N Y
        DSOI 1.0.0 D S O I
        E 1.0.0,1.1.0 N P A
        EXP 1.0.0 S C U
        EXP 1.0.1 S C O
        HI 1.0.0,2.0.0,2.0.1,2.0.2 L M H VH
        HVA 1.0.0 N Y
        KEV 1.0.0 N Y
        MI 1.0.0 N NED MSC MEF MF
        MI 2.0.0 D MSC MEF MF
        MWI 1.0.0 L M H
        PSI 1.0.0,2.0.0,2.0.1 M S
        PUBLISH 1.0.0
        PVA 1.0.0 L A P
        PWI 1.0.0,1.1.0 M MA I
        RC 1.0.0 NC C
        RP 1.0.0 Y N
        SC 1.0.0 O M
        SCON 1.0.0 N Y
        SE 1.0.0 A U
        SI 1.0.0 N M J H C
        SI 2.0.0,2.0.1 N M R C
        SINV 1.0.0 FR C UU
        TI 1.0.0 P T
        U 1.0.0,1.0.1 L E S
        V 1.0.0 S R
        VD 1.0.0 D C
        """
    ),
    "cisa": _read_points(
        """
        KEV 1.0.0 N Y
        MP 1.0.0 M S E
        """
    ),
    "cvss": _read_points(
        """
        AC 1.0.0,2.0.0,3.0.0
        AC 3.0.1 L H
        AV 1.0.0,2.0.0,3.0.0
        AV 3.0.1 P L A N
        E 1.0.0,1.1.0,1.2.0
        E 2.0.0 U P A X
        """
    ),
}
#: Namespaces whose points are all above: another key is none.
COMPLETE = frozenset({"ssvc"})

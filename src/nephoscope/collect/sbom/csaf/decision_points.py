"""The decision points of SSVC: keys of values in their order, by the key of the point and its version."""

from __future__ import annotations


def _points(text: str) -> dict[str, dict[str, tuple[str, ...]]]:
    """Read `key version,version values` a line."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for line in text.strip().splitlines():
        key, versions, *values = line.split()
        for version in versions.split(","):
            found.setdefault(key, {})[version] = tuple(values)
    return found


#: Points of the namespace `ssvc`.
SSVC = _points(
    """
    A 2.0.0 N Y
    E 1.0.0,1.1.0 N P A
    EXP 1.0.0 S U
    EXP 1.0.1 S C O
    HI 1.0.0,2.0.0,2.0.1 L M H VH
    MI 1.0.0 N NEC MSC MEF MF
    MI 2.0.0 D MSC MEF MF
    MWI 1.0.0 L M H
    PI 1.0.0 M MA I
    PSI 1.0.0,2.0.0,2.0.1 M S
    PVA 1.0.0 L A P
    RC 1.0.0 NC C
    RP 1.0.0 Y N
    SC 1.0.0 N Y
    SE 1.0.0 A U
    SI 1.0.0 N M J H C
    SI 2.0.0 N M R C
    SINV 1.0.0 FR C UU
    TI 1.0.0 P T
    U 1.0.0,1.0.1 L E S
    V 1.0.0 S R
    VD 1.0.0 D C
    """
)
#: The order of the values of metrics in the namespace `cvss`, whatever the version.
CVSS = {
    "AC": ("L", "H"),
    "AT": ("P", "N"),
    "AV": ("P", "L", "A", "N"),
    "E": ("U", "P", "A", "X"),
    "PR": ("H", "L", "N"),
    "VA": ("N", "L", "H"),
    "VC": ("N", "L", "H"),
    "VI": ("N", "L", "H"),
}

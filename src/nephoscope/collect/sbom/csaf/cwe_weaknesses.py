"""The weaknesses of CWE by version: which there are, and what each was named."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

#: When each version of CWE came out.
_RELEASES = dict(
    line.split()
    for line in """
        1.0 2008-09-09
        1.0.1 2008-10-14
        1.1 2008-11-24
        1.2 2009-01-12
        1.3 2009-03-10
        1.4 2009-05-27
        1.5 2009-07-27
        1.6 2009-10-29
        1.7 2009-12-28
        1.8 2010-02-16
        1.8.1 2010-04-05
        1.9 2010-06-21
        1.10 2010-09-27
        1.11 2010-12-13
        1.12 2011-03-29
        1.13 2011-06-01
        2.0 2011-06-27
        2.1 2011-09-13
        2.2 2012-05-11
        2.3 2012-10-30
        2.4 2013-02-21
        2.5 2013-07-17
        2.6 2014-02-18
        2.7 2014-06-23
        2.8 2014-07-30
        2.9 2015-12-07
        2.10 2017-01-19
        2.11 2017-05-05
        2.12 2017-11-08
        3.0 2017-11-14
        3.1 2018-03-27
        3.2 2019-01-03
        3.3 2019-06-20
        3.4 2019-09-19
        3.4.1 2019-09-23
        4.0 2020-02-24
        4.1 2020-06-25
        4.2 2020-08-20
        4.3 2020-12-10
        4.4 2021-03-15
        4.5 2021-07-20
        4.6 2021-10-28
        4.7 2022-04-28
        4.8 2022-06-28
        4.9 2022-10-13
        4.10 2023-01-31
        4.11 2023-04-27
        4.12 2023-06-29
        4.13 2023-10-26
        4.14 2024-02-29
    """.strip().splitlines()
)

#: A name, and the day on which the next one came ('' for the one that is still used).
_Name = tuple[str, str]


@cache
def _load_names() -> dict[str, tuple[_Name, ...]]:
    """Return the names of each weakness, the oldest first."""
    text = (files("nephoscope.collect.sbom.csaf") / "weaknesses.tsv").read_text(encoding="utf-8")
    found: dict[str, tuple[_Name, ...]] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        number, name, *earlier = line.split("\t")
        before = [(old, day) for day, _, old in (one.partition("=") for one in earlier)]
        found[f"CWE-{number}"] = (*before, (name, ""))
    return found


def is_weakness(identifier: str, name: str, version: str = "") -> bool:
    """Return whether there is a weakness of this identifier and name in a version of CWE, in any where that is ''.

    What a version says that is not in the table is not known: it is taken as it is.
    """
    if version and version not in _RELEASES:
        return True
    names = _load_names().get(identifier, ())
    if not version:
        return any(name == one for one, _ in names)
    released = _RELEASES[version]
    return next((one == name for one, until in names if not until or until > released), False)

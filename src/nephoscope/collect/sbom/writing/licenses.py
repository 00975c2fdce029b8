"""Licenses of packages in the words of SPDX, where they are in them."""

from __future__ import annotations

import re

from nephoscope.collect.sbom.text_word_sets import split_words

#: Identifiers that packages often name; another name is kept as a name.
IDENTIFIERS = split_words(
    """
    0BSD AFL-2.1 AGPL-3.0 AGPL-3.0-only AGPL-3.0-or-later Apache-1.0 Apache-1.1 Apache-2.0 Artistic-1.0
    Artistic-1.0-Perl Artistic-2.0 BlueOak-1.0.0 BSD-1-Clause BSD-2-Clause BSD-2-Clause-Patent BSD-3-Clause BSD-4-Clause
    BSL-1.0 BUSL-1.1 bzip2-1.0.6 CC-BY-3.0 CC-BY-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC0-1.0 CDDL-1.0 CDDL-1.1 CPL-1.0 curl
    ECL-2.0 Elastic-2.0 EPL-1.0 EPL-2.0 EUPL-1.1 EUPL-1.2 FTL GFDL-1.2 GFDL-1.2-only GFDL-1.3 GFDL-1.3-only
    GFDL-1.3-or-later GPL-1.0 GPL-1.0-only GPL-1.0-or-later GPL-2.0 GPL-2.0-only GPL-2.0-or-later GPL-3.0 GPL-3.0-only
    GPL-3.0-or-later HPND ICU IJG ISC JSON LGPL-2.0 LGPL-2.0-only LGPL-2.0-or-later LGPL-2.1 LGPL-2.1-only
    LGPL-2.1-or-later LGPL-3.0 LGPL-3.0-only LGPL-3.0-or-later Libpng libtiff MIT MIT-0 MPL-1.0 MPL-1.1 MPL-2.0 MS-PL
    MS-RL NCSA NTP OFL-1.1 OLDAP-2.8 OpenSSL OSL-3.0 PHP-3.01 PostgreSQL PSF-2.0 Python-2.0 Ruby Sleepycat SSPL-1.0 TCL
    Unicode-3.0 Unicode-DFS-2016 Unlicense UPL-1.0 Vim W3C WTFPL X11 Zlib ZPL-2.1
    """
)
EXCEPTIONS = frozenset(
    {
        "Autoconf-exception-2.0",
        "Autoconf-exception-3.0",
        "Bison-exception-2.2",
        "Classpath-exception-2.0",
        "Font-exception-2.0",
        "GCC-exception-2.0",
        "GCC-exception-3.1",
        "Libtool-exception",
        "Linux-syscall-note",
        "LLVM-exception",
        "OpenJDK-assembly-exception-1.0",
    }
)
_TOKEN = re.compile(r"\s*(\(|\)|[A-Za-z0-9.\-+:]+)")


def is_expression(text: str) -> bool:
    """Return whether a text is an expression of known identifiers, such as `MIT OR Apache-2.0`."""
    tokens = _tokenize_expression(text)
    return bool(tokens) and _parse_alternatives(tokens) and not tokens


def _tokenize_expression(text: str) -> list[str]:
    """Return the tokens of an expression in reverse, none for a text that is no expression."""
    found: list[str] = []
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if not match or len(found) > 1000:
            return []
        found.append(match[1])
        at = match.end()
    return found[::-1]


def _parse_alternatives(tokens: list[str], depth: int = 0) -> bool:
    """Take terms with AND and OR between them off the tokens; tell whether they were there."""
    if not _parse_term(tokens, depth):
        return False
    while tokens and tokens[-1] in {"AND", "OR"}:
        tokens.pop()
        if not _parse_term(tokens, depth):
            return False
    return True


def _parse_term(tokens: list[str], depth: int) -> bool:
    """Take a license, with its exception, or an expression in brackets off the tokens; tell whether it was there."""
    name = tokens.pop() if tokens else ""
    if name == "(":
        return depth < 50 and _parse_alternatives(tokens, depth + 1) and bool(tokens) and tokens.pop() == ")"
    if name.removesuffix("+") not in IDENTIFIERS and not name.startswith("LicenseRef-"):
        return False
    if tokens and tokens[-1] == "WITH":
        tokens.pop()
        return bool(tokens) and tokens.pop() in EXCEPTIONS
    return True

"""A statement of VEX: what somebody says about whether a vulnerability can be exploited in a product."""

from __future__ import annotations

from typing import Literal

import msgspec

#: The four words of VEX.
VexStatus = Literal["affected", "not_affected", "fixed", "under_investigation"]

#: Why a product is not affected; '' where nothing is said.
VexJustification = Literal[
    "",
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
]


class VexStatement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One statement of one author on one vulnerability in one product.

    `product` is a package URL, or the identifier (IRI, CPE, name) that the document has; `version_range` is a `vers` range of
    versions of the product where the statement is about some only. `subcomponents` are the parts of the product that hold the
    vulnerability. `impact` says why a product is not affected, `action` what to do about one that is. Times are of RFC 3339.
    """

    vulnerability: str
    product: str
    status: VexStatus
    aliases: tuple[str, ...] = ()
    version_range: str = ""
    subcomponents: tuple[str, ...] = ()
    justification: VexJustification = ""
    author: str = ""
    time: str = ""
    impact: str = ""
    action: str = ""

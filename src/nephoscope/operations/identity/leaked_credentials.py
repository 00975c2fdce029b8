"""Leaked credentials: check the hash of a password against the imported lists, as an identity provider does when one is chosen."""

from __future__ import annotations

from typing import Annotated, Literal

from nephoscope.identity.leaked.hash_index import HashListError
from nephoscope.operations.declaration.operation import (
    ApiRoute,
    OperationCall,
    OperationGroup,
    translate_errors,
)
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import Shape
from nephoscope.service.leaked_credentials import CHECK, check_change

OPERATIONS = OperationGroup("leakedCredentials", "Leaked credentials", "A hash")


class HashCheck(Shape, frozen=True, kw_only=True):
    """The hash of a password, and the user who chose it; the password itself is never sent."""

    hash: Annotated[
        str, describe("Hash in hexadecimal digits.", pattern=r"^[0-9A-Fa-f]{32}([0-9A-Fa-f]{8})?$(?!\n)")
    ]
    algorithm: Annotated[Literal["sha1", "ntlm"], describe("Hash algorithm.")] = "sha1"
    user: Annotated[str, describe("User name or principal name.", max_length=320)] = ""


class HashCount(Shape, frozen=True, kw_only=True):
    """Number of leaks that had a hash, 0 = it is not listed; `pair`: whether one had it together with the user name."""

    count: int
    pair: bool = False


@OPERATIONS.operation(CHECK, ApiRoute("POST", "/leakedCredentials/check"))
def check(call: OperationCall, body: HashCheck) -> HashCount:
    """Return how often the hash of a password was seen in leaks, and whether together with the user name."""
    digest = bytes.fromhex(body.hash)
    with translate_errors("hash", HashListError):
        pair, count = check_change(call.service, body.user, body.algorithm, digest)
        return HashCount(count=count, pair=pair)

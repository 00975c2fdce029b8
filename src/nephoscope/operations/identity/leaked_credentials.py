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
from nephoscope.service.leaked_credentials import CHECK, count_hash

OPERATIONS = OperationGroup("leakedCredentials", "Leaked credentials", "A hash")


class HashCheck(Shape, frozen=True, kw_only=True):
    """The hash of a password; the password itself is never sent."""

    hash: Annotated[
        str, describe("Hash in hexadecimal digits.", pattern=r"^[0-9A-Fa-f]{32}([0-9A-Fa-f]{8})?$(?!\n)")
    ]
    algorithm: Annotated[Literal["sha1", "ntlm"], describe("Hash algorithm.")] = "sha1"


class HashCount(Shape, frozen=True, kw_only=True):
    """Number of leaks that had a hash, 0 = it is not listed."""

    count: int


@OPERATIONS.operation(CHECK, ApiRoute("POST", "/leakedCredentials/check"))
def check(call: OperationCall, body: HashCheck) -> HashCount:
    """Return how often the hash of a password was seen in leaks."""
    with translate_errors("hash", HashListError):
        return HashCount(count=count_hash(call.service, body.algorithm, bytes.fromhex(body.hash)))

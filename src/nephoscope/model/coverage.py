"""What a snapshot has read, so that what it has not read is Unknown and never healthy."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Coverage:
    """The coverage manifest of a snapshot.

    `scopes` maps a scope that was read (a subscription id `/subscriptions/<guid>`, lower-cased, or '' for the tenant and for
    whatever has no subscription) to the lower-cased resource types that were read there in full; the type `*` stands for every
    top-level and child type. An entry may carry a name, `microsoft.security/assessments/<key>`: then only that name was read.
    `declared` is False where the manifest was inferred from the types that were seen.
    `gaps` maps a lower-cased type to the reason why it was not read ('403 on ...').
    """

    scopes: dict[str, frozenset[str]]
    declared: bool = False
    gaps: dict[str, str] = field(default_factory=dict)

    @classmethod
    def everything(cls) -> Coverage:
        """The manifest of a snapshot that is the whole world: a missing resource does not exist."""
        return cls({"": frozenset({"*"})}, declared=True)

    def covers(self, type_: str, scope: str, name: str = "") -> bool:
        """Whether every resource of the lower-cased type (and name) in the scope was read, so that absence means 'does not exist'."""
        for place in (scope, ""):
            types = self.scopes.get(place)
            if types is None:
                continue
            if "*" in types or type_ in types or (name and f"{type_}/{name}" in types):
                return True
        return False

"""Functions of the language, and their declaration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from nephoscope_policy.arm.value import Value

Thunk: TypeAlias = Callable[[], Value]
"""An argument that is evaluated when it is called."""


class ArmFunction(msgspec.Struct, frozen=True):
    """A pure function of the language.

    `body` gets the list of evaluated arguments, or of thunks where `lazy`; it raises FunctionError. `most` is None where the
    number of arguments is open. `policy` and `template`: whether Azure allows it in a policy rule and in a template.
    """

    name: str
    signature: str
    summary: str
    least: int
    most: int | None
    body: Callable[[list[Any]], Value]
    lazy: bool = False
    policy: bool = True
    template: bool = True
    family: str = ""

    @property
    def key(self) -> str:
        """The lower-cased name."""
        return self.name.lower()

    def explain_wrong_count(self, count: int) -> str:
        """'' where the function takes that many arguments, else a sentence."""
        if count >= self.least and (self.most is None or count <= self.most):
            return ""
        wanted = f"at least {self.least}" if self.most is None else str(self.least)
        if self.most is not None and self.most != self.least:
            wanted = f"{self.least} to {self.most}"
        return f"takes {wanted} argument{'' if wanted in ('1', 'at least 1') else 's'}, not {count}: {self.signature}"


def declare_function(
    signature: str, *, lazy: bool = False, policy: bool = True, template: bool = True
) -> Callable[[Callable[[list[Any]], Value]], ArmFunction]:
    """Declare a function by its signature, `name(a, [optional], ...)`; the docstring's first line is the summary."""
    name, _, rest = signature.partition("(")
    words = [word.strip() for word in rest.rstrip(")").split(",") if word.strip()]
    variadic = "..." in words
    fixed = [word for word in words if word != "..." and not word.startswith("[")]
    least = len(fixed)
    most = None if variadic else len(words)

    def declare(body: Callable[[list[Any]], Value]) -> ArmFunction:
        summary = (body.__doc__ or "").strip().partition("\n")[0]
        family = body.__module__.rpartition(".")[2]
        return ArmFunction(name, signature, summary, least, most, body, lazy, policy, template, family)

    return declare

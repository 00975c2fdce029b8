"""The parameters that a person gives beside initiatives: each goes to the initiatives that declare it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nephoscope_policy.errors import PolicyError, suggest_word
from nephoscope_policy.initiative import Initiative


def share_parameters(
    initiatives: Sequence[Initiative], given: Mapping[str, object]
) -> list[dict[str, object]]:
    """The parameters of each initiative, in their order.

    PolicyError (stage compile) for a name that none of them declares, a value that does not fit, and a needed value that is not given.
    """
    if given and not initiatives:
        raise PolicyError(
            "the parameter requires an initiative: add --initiative; parameters of a single definition come from its assignment "
            "(--decisions FILE --assigned)",
            f"--parameter {next(iter(given))}",
            "compile",
        )
    for name in given:
        if not any(name.lower() in one.parameters for one in initiatives):
            raise _make_unknown_parameter_error(name, initiatives)
    return [_bind_parameters(one, given) for one in initiatives]


def _bind_parameters(initiative: Initiative, given: Mapping[str, object]) -> dict[str, object]:
    mine = {name: value for name, value in given.items() if name.lower() in initiative.parameters}
    initiative.bind(mine)
    return mine


def _make_unknown_parameter_error(name: str, initiatives: Sequence[Initiative]) -> PolicyError:
    names = [parameter.name for one in initiatives for parameter in one.parameters.values()]
    asked = ", ".join(one.name for one in initiatives)
    hint = suggest_word(name, names) or (
        f"; it has {', '.join(names[:8])}{' ...' if len(names) > 8 else ''}" if names else "; it has none"
    )
    return PolicyError(f"{asked} has no parameter '{name}'{hint}", f"--parameter {name}", "compile")

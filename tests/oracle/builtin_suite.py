"""The function suite of the policy oracle: `python tests/oracle/builtin_suite.py FOLDER [-v] [--engine empty|error]`.

FOLDER holds `<name>.yaml` files: `builtin` (a function) and `cases[]` with `args` and one of `want`, `want_null`,
`want_undefined`, `want_error`. Compared strictly: types differ (1, 1.0, '1', true), object keys are case-sensitive,
`want_null` matches only null, `want_undefined` and `want_error` match only an ArmError.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import corpus_records

from nephoscope_policy.arm import ArmError, FunctionError, load_registry, parse
from nephoscope_policy.arm.tree import ArmCall, ArmIndex, ArmLiteral

Engine = Callable[[str, list[Any]], Any]
PREFIX = "azure.policy."
STEP = re.compile(
    r"\[(?P<quote>['\"])(?P<quoted>.*?)(?P=quote)\]|\[(?P<bracket>[^\]]*)\]|(?P<name>[^.\[\]]+)"
)
"""A step of a field path: `name`, `[0]`, `[name]`, `['a.name']`."""
NAMES = {"logic_all": "and", "logic_any": "or", "if": "if", "fn.int_div": "div", "fn.int_mod": "mod"}
"""What the corpus calls by another name than the language does."""


class NoFunctionError(LookupError):
    """The suite names a function that the language does not have: a miss, never a match."""


def run(folder: Path, engine: Engine | None = None) -> Iterator[tuple[str, bool, str]]:
    """Each case: its name (`file/note`), whether it matched, and what came instead of what."""
    for one in corpus_records.cases(folder):
        if one.wrong:
            yield one.name, False, one.wrong
            continue
        try:
            matched, message = assess(one.file["builtin"], one.value, engine)
        except Exception as error:  # noqa: BLE001 - a runner's border: an exception in a case is a miss, and is shown
            matched, message = False, corpus_records.raised(error)
        yield one.name, matched, message


def assess(builtin: str, case: Mapping[str, Any], engine: Engine | None = None) -> tuple[bool, str]:
    """Whether a case matches, and the outcome beside the expectation."""
    wanted = [key for key in ("want", "want_null", "want_undefined", "want_error") if key in case]
    if len(wanted) != 1:
        return False, f"the case has {wanted or 'no expectation'}"
    try:
        value = (engine or call)(builtin, case.get("args", []))
    except NoFunctionError as error:
        return False, str(error)
    except ArmError as error:
        return wanted[0] in ("want_undefined", "want_error"), f"{error}; wanted {case[wanted[0]]!r}"
    message = f"{value!r}; wanted {wanted[0]} {case[wanted[0]]!r}"
    if wanted[0] == "want":
        return same(value, case["want"]), message
    return wanted[0] == "want_null" and value is None, message


def same(value: Any, wanted: Any) -> bool:
    """Strict JSON equality: types told apart, arrays ordered, object keys unordered and case-sensitive."""
    if type(value) is not type(wanted):
        return False
    if isinstance(value, list):
        return len(value) == len(wanted) and all(map(same, value, wanted))
    if isinstance(value, dict):
        return value.keys() == wanted.keys() and all(same(value[key], wanted[key]) for key in value)
    if isinstance(value, float) and value != value:
        return wanted != wanted
    return bool(value == wanted)


def call(builtin: str, arguments: list[Any]) -> Any:
    """Evaluate a function of the suite through the language's own compiler and interpreter; both must agree."""
    name = builtin.removeprefix(PREFIX)
    special: dict[str, Callable[[list[Any]], Any]] = {"get_parameter": _parameter, "resolve_field": _field}
    if name in special:
        return special[name](arguments)
    name = NAMES.get(name, name.removeprefix("fn.")).replace("_", "")
    if name not in load_registry():
        raise NoFunctionError(f"the language has no function {builtin}")
    return _evaluate(ArmCall(name, tuple(_argument(place) for place in range(len(arguments)))), arguments)


def _argument(place: int) -> ArmCall:
    return ArmCall("argument", (ArmLiteral(place),))


def _evaluate(node: Any, scope: Any) -> Any:
    from nephoscope_policy.arm.compiler import compile_node
    from nephoscope_policy.arm.interpreter import interpret_node

    hosts = {"argument": lambda values, given: values[given[0]]}
    outcomes = [
        _outcome(lambda: compile_node(node, hosts)(scope)),
        _outcome(lambda: interpret_node(node, hosts, scope)),
    ]
    if outcomes[0][0] != outcomes[1][0] or not same(outcomes[0][1], outcomes[1][1]):
        raise RuntimeError(f"compiled and interpreted differ: {outcomes}")
    kind, value = outcomes[0]
    if kind == "error":
        raise ArmError("", value)
    return value


def _outcome(evaluate: Callable[[], Any]) -> tuple[str, Any]:
    try:
        return "value", evaluate()
    except ArmError as error:
        return "error", str(error)


def _parameter(arguments: list[Any]) -> Any:
    """parameters(name) as the policy engine answers it: the assignment's value, else the definition's default."""
    given, defaults, name = arguments
    merged = {**defaults, **given}
    hosts = {"parameters": lambda scope, names: _own(scope, names[0])}
    return parse(f"[parameters('{name}')]").compile(hosts)(merged)


def _own(scope: dict[str, Any], name: str) -> Any:
    if name in scope:
        return scope[name]
    raise FunctionError(f"the parameter {name!r} is not defined")


def _field(arguments: list[Any]) -> Any:
    """A path of names and indexes through a resource, by the language's own element access."""
    value, path = arguments
    if not isinstance(path, str):
        raise ArmError("field", "the path must be a string")
    for match in STEP.finditer(path):
        name = match["quoted"] if match["quoted"] is not None else match["bracket"] or match["name"]
        step = int(name) if isinstance(value, list) and name.isdigit() else name
        value = _evaluate(ArmIndex(_argument(0), ArmLiteral(step)), [value])
    return value


def nothing(_: str, __: list[Any]) -> Any:
    """An engine that always answers '': the floor of the comparison."""
    return ""


def refusing(_: str, __: list[Any]) -> Any:
    """An engine that always fails: what the error cases alone are worth."""
    raise ArmError("", "refused")


ENGINES: dict[str, Engine] = {"arm": call, "empty": nothing, "error": refusing}


def main(words: list[str]) -> int:
    """Print the misses (all cases with -v) and the sum; 0 where all match, 1 where not, 2 for an unusable folder."""
    parser = argparse.ArgumentParser(prog="builtin_suite.py", exit_on_error=False)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--engine", choices=list(ENGINES), default="arm")
    try:
        options = parser.parse_args(words)
    except (argparse.ArgumentError, SystemExit) as error:
        print(error, file=sys.stderr)
        return 2
    engine = ENGINES[options.engine]
    results = list(run(options.folder, engine)) or list(run(options.folder / "cases", engine))
    if not results:
        print(f"{options.folder} holds no case files (*.yaml)", file=sys.stderr)
        return 2
    for name, matched, message in results:
        if not matched or options.verbose:
            print(f"{'match' if matched else 'MISS '} {name}: {message}")
    hits = sum(matched for _, matched, _ in results)
    print(f"{hits}/{len(results)} match")
    return 0 if hits == len(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

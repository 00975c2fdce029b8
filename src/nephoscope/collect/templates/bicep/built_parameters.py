"""The output of `bicep build-params --stdout` as a file: a template and its parameters in one object."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from nephoscope.collect.templates.arm.template_repository import Repository
from nephoscope_policy.arm.template import TemplateDocument, TemplateError
from nephoscope_policy.arm.template.document import member
from nephoscope_policy.arm.template.errors import TemplateProblem
from nephoscope_policy.model.source_location import Place

_TEMPLATE, _PARAMETERS, _SPEC = "templateJson", "parametersJson", "templateSpecId"
BUILT = re.compile(rb'"(?:templateJson|parametersJson|templateSpecId)"\s*:')


def take_built_parameters(repository: Repository, names: Iterable[str]) -> list[TemplateProblem]:
    """Take the templates and parameters out of such files into the repository's documents; the problems of the others are returned."""
    return [
        problem
        for name in names
        if name.endswith(".json") and BUILT.search(repository.head(name))
        for problem in _take(repository, name)
    ]


def _take(repository: Repository, name: str) -> Iterator[TemplateProblem]:
    try:
        document = repository.document(name)
        template = _inner(document, _TEMPLATE)
        parameters = _inner(document, _PARAMETERS)
    except TemplateError as error:
        yield error.problem
        return
    if parameters is None or not isinstance(parameters.value, dict):
        return  # members of these names in something else
    if template is None:
        spec = member(document.value, _SPEC)
        named = f"the template spec {spec[1]}" if spec and spec[1] else "a template that is not with them"
        yield TemplateProblem(
            Place(name, 1, 1), f"the parameters are for {named}: scan them with that template"
        )
        return
    beside = f"{name}#{_PARAMETERS}"
    repository.compiled |= {name: template, beside: parameters}
    repository.compiled_parameters[name] = (beside,)


def _inner(document: TemplateDocument, name: str) -> TemplateDocument | None:
    """Return the document in a member: JSON as a string, where every place is the place of the string, or JSON itself."""
    found = member(document.value, name)
    if found is None or found[1] is None:
        return None
    key, value = found
    if not isinstance(value, str):
        return document.part((key,), value)
    place = document.place((key,))
    try:
        return TemplateDocument.made(msgspec.json.decode(value.removeprefix("\ufeff")), place)
    except msgspec.DecodeError as error:
        raise TemplateError(place, f"{name} is not JSON: {error}") from error

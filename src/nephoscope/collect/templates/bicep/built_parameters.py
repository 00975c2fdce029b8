"""The output of `bicep build-params --stdout` as a file: a template and its parameters in one object."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from nephoscope.collect.templates.arm.template_repository import Repository
from nephoscope.collect.templates.bicep import PARAMETERS
from nephoscope_policy.arm.template import TemplateDocument, TemplateError
from nephoscope_policy.arm.template.document import member
from nephoscope_policy.arm.template.errors import TemplateProblem
from nephoscope_policy.model.source_location import Place

_TEMPLATE, _PARAMETERS, _SPEC = "templateJson", "parametersJson", "templateSpecId"
BUILT = re.compile(rb'"(?:templateJson|parametersJson|templateSpecId)"\s*:')


def extract_built_parameters(repository: Repository, names: Iterable[str]) -> list[TemplateProblem]:
    """Take the templates and parameters out of such files into the repository's documents; the problems of the others are returned."""
    sources = [name for name in names if name.lower().endswith(PARAMETERS)]
    return [
        problem
        for name in names
        if name.lower().endswith(".json") and BUILT.search(repository.read_head(name))
        for problem in _extract_sources(repository, name, sources)
    ]


def _extract_sources(repository: Repository, name: str, sources: Iterable[str]) -> Iterator[TemplateProblem]:
    try:
        document = repository.get_document(name)
        template = _read_embedded_document(document, _TEMPLATE)
        parameters = _read_embedded_document(document, _PARAMETERS)
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
    given, beside = _locate_in_source(repository, name, parameters, sources)
    repository.compiled |= {name: template, beside: given}
    repository.compiled_parameters[name] = (beside,)


def _locate_in_source(
    repository: Repository, name: str, parameters: TemplateDocument, sources: Iterable[str]
) -> tuple[TemplateDocument, str]:
    """The parameters with the places of the Bicep file that they were built from, and its name; without one, those of the JSON."""
    from nephoscope.collect.templates.bicep.bicep_source import BicepSource
    from nephoscope.collect.templates.bicep.source_map import build_parameters_mark

    folder, _, file = name.rpartition("/")
    near = [one for one in sources if one.rpartition("/")[0] == folder]
    named = [one for one in near if one.rpartition("/")[2].split(".")[0] == file.split(".")[0]]
    held = member(parameters.value, "parameters")
    wanted = (
        {str(one).lower() for one in held[1]} if held is not None and isinstance(held[1], dict) else set()
    )
    for one in named or (near if len(near) == 1 else []):
        source = BicepSource.parse((repository.load(one) or b"").decode("utf-8", "replace"))
        declared = {declaration.name.lower() for declaration in source.find_declarations("param")}
        if wanted and declared >= wanted:
            mark = build_parameters_mark(source, parameters.value)
            return TemplateDocument.from_source(parameters.value, one, source.text, mark), one
    return parameters, f"{name}#{_PARAMETERS}"


def _read_embedded_document(document: TemplateDocument, name: str) -> TemplateDocument | None:
    """Return the document in a member: JSON as a string, where every place is the place of the string, or JSON itself."""
    found = member(document.value, name)
    if found is None or found[1] is None:
        return None
    key, value = found
    if not isinstance(value, str):
        return document.make_part((key,), value)
    place = document.find_place((key,))
    try:
        return TemplateDocument.from_expression(msgspec.json.decode(value.removeprefix("\ufeff")), place)
    except msgspec.DecodeError as error:
        raise TemplateError(place, f"{name} is not JSON: {error}") from error

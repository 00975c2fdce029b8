"""Template resource: a planned resource whose parts have places in files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nephoscope_policy.arm.template.document import WrittenValue
    from nephoscope_policy.arm.unknown import Unknown
    from nephoscope_policy.azure_defaults import BodySource


class WrittenResource(Protocol):
    """A planned resource: of a template (nephoscope_policy.arm.template) or of a Terraform plan.

    `id`, `name` and `container` have unknown parts in braces; where the id has some, it is an Unknown in `body`. `label` is what
    people know it by beside its id, '' for nothing; `existing` is True for what is only read.
    """

    @property
    def id(self) -> str:
        """The full id."""

    @property
    def name(self) -> str:
        """The full name with the parents' names."""

    @property
    def type(self) -> str:
        """The type as the id has it."""

    @property
    def container(self) -> str:
        """The id of the resource or scope that it stands in."""

    @property
    def label(self) -> str:
        """Return what people know it by beside its id."""

    @property
    def api_version(self) -> object:
        """The version of the API that it is sent to; None where it is not known."""

    @property
    def condition(self) -> bool | Unknown:
        """True, or the unknown that decides whether it is made at all."""

    @property
    def repeated(self) -> Unknown | None:
        """The unknown that decides how many copies are made, and so whether one is; None where it is made once."""

    @property
    def existing(self) -> bool:
        """Return whether it is only read."""

    @property
    def unread_scope(self) -> str | None:
        """The id of the scope that it deploys a template to that could not be read; None where it deploys none such."""

    @property
    def body(self) -> Mapping[str, Any]:
        """The JSON of ARM as it will be; what is not known is an Unknown."""

    @property
    def source_location(self) -> WrittenValue:
        """Return where the whole is written."""

    def trace(self, *steps: str | int) -> tuple[WrittenValue, ...]:
        """The places that a part of the body comes from, the one that decides last."""

    @property
    def partial_body(self) -> BodySource | None:
        """Return what the source tells of the body; None where it tells all."""

    def member(self, name: str) -> tuple[str, object] | None:
        """A member of the JSON that it is written as, with its name as it is spelled; None where there is none."""

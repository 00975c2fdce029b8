"""Pattern comparisons: STIX patterns that only mean "any of these values", or the reason why not.

Source: STIX 2.1 section 9 (https://docs.oasis-open.org/cti/stix/v2.1/os/stix-v2.1-os.html).
"""

# ruff: noqa: N802, N815 - the names of a listener's methods are made of those of the grammar's rules
from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stix2patterns.exceptions import ParseException
from stix2patterns.v21.grammars.STIXPatternListener import STIXPatternListener
from stix2patterns.v21.pattern import Pattern

if TYPE_CHECKING:
    from stix2patterns.v21.grammars.STIXPatternParser import STIXPatternParser


class PatternError(ValueError):
    """A pattern that cannot be used: what is wrong, with its place."""


@dataclass(frozen=True, slots=True)
class IndicatorComparison:
    """One comparison for equality, or with `subset` for being within a network: type of object, path without quotes, value."""

    kind: str
    path: str
    value: str
    subset: bool = False


def list_comparisons(text: str) -> list[IndicatorComparison]:
    """The comparisons of a pattern, in their order; PatternError where one of them alone would not be what the pattern says."""
    reader = _PatternListener()
    try:
        Pattern(text).walk(reader)
    except ParseException as error:
        raise PatternError(str(error)) from error
    except RecursionError as error:
        raise PatternError("nested too deeply") from error
    return reader.found


def parse_pattern_literal(text: str) -> str:
    """The value that a constant of a pattern stands for."""
    if text.startswith(("h'", "b'")):
        raise PatternError("a comparison with bytes is not supported")
    if text.startswith("t'"):
        return text[2:-1]
    if text.startswith("'"):
        return re.sub(r"\\(['\\])", r"\1", text[1:-1])
    return text


class _PatternListener(STIXPatternListener):  # type: ignore[misc]  # the grammar has no types
    """Goes through a pattern; what cannot be said by single values raises PatternError.

    That a value was seen once satisfies [A], [A OR B], [A] OR [B]; REPEATS 1 and WITHIN of these ask for nothing more.
    """

    def __init__(self) -> None:
        self.found: list[IndicatorComparison] = []

    def exitObservationExpressions(self, ctx: STIXPatternParser.ObservationExpressionsContext) -> None:
        if ctx.FOLLOWEDBY():
            raise PatternError("FOLLOWEDBY of several observations is not supported")

    def exitObservationExpressionAnd(self, ctx: STIXPatternParser.ObservationExpressionAndContext) -> None:
        if ctx.AND():
            raise PatternError("AND of several observations is not supported")

    def exitRepeatedQualifier(self, ctx: STIXPatternParser.RepeatedQualifierContext) -> None:
        # compared as text: a number may have more digits than int() takes
        if ctx.IntPosLiteral().getText().lstrip("+0") != "1":
            raise PatternError(f"{_format_words(ctx)}: only single observations are supported")

    def exitStartStopQualifier(self, ctx: object) -> None:
        raise PatternError(
            f"{_format_words(ctx)} is not matched: use valid_from and valid_until of the indicator instead"
        )

    def exitComparisonExpressionAnd(self, ctx: STIXPatternParser.ComparisonExpressionAndContext) -> None:
        if ctx.AND():
            raise PatternError("values combined with AND are not supported")

    def exitPropTestEqual(self, ctx: STIXPatternParser.PropTestEqualContext) -> None:
        if ctx.NOT() or ctx.NEQ():
            raise _build_unmatched_error(ctx)
        self._add_comparison(ctx, [ctx.primitiveLiteral()])

    def exitPropTestSet(self, ctx: STIXPatternParser.PropTestSetContext) -> None:
        if ctx.NOT():
            raise _build_unmatched_error(ctx)
        self._add_comparison(ctx, ctx.setLiteral().primitiveLiteral())

    def exitPropTestIsSubset(self, ctx: STIXPatternParser.PropTestIsSubsetContext) -> None:
        if ctx.NOT():
            raise _build_unmatched_error(ctx)
        self._add_comparison(ctx, [ctx.StringLiteral()], subset=True)

    def exitPropTestExists(self, ctx: object) -> None:
        raise _build_unmatched_error(ctx)

    exitPropTestOrder = exitPropTestLike = exitPropTestRegex = exitPropTestIsSuperset = exitPropTestExists

    def _add_comparison(
        self,
        ctx: STIXPatternParser.PropTestContext,
        values: list[STIXPatternParser.PrimitiveLiteralContext],
        *,
        subset: bool = False,
    ) -> None:
        kind, _, path = ctx.objectPath().getText().partition(":")
        self.found += [
            IndicatorComparison(kind, path.replace("'", ""), parse_pattern_literal(one.getText()), subset)
            for one in values
        ]


def _build_unmatched_error(ctx: STIXPatternParser.PropTestContext) -> PatternError:
    """Return what to say of a test of another kind: by its operator, with the NOT before it."""
    tokens = [one.getText() for one in ctx.getChildren() if one.getChildCount() == 0]
    operator = [one for one in tokens if not one.startswith("'")]
    return PatternError(f"the comparison {' '.join(operator)} is not matched; =, IN and ISSUBSET are")


def _format_words(ctx: STIXPatternParser.PropTestContext) -> str:
    return " ".join(one.getText()[:40] for one in ctx.getChildren())

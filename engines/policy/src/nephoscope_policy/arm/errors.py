"""The errors of the expression language, each with the place in the expression."""

from __future__ import annotations


class ArmSyntaxError(ValueError):
    """The text is not an expression; `offset` is the 0-based character of the text where it goes wrong."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(f"{message} (at character {offset})")
        self.message = message
        self.offset = offset


class ArmError(ValueError):
    """A well-formed expression that has no value: `function` failed at the 0-based `offset` of the expression's text.

    `function` is spelled as in the registry; it is '' where a property or an index was asked for.
    """

    def __init__(self, function: str, message: str, offset: int = 0) -> None:
        super().__init__(f"{function}(): {message}" if function else message)
        self.function = function
        self.message = message
        self.offset = offset


class FunctionError(ValueError):
    """Error in a function's body; the evaluator, which knows name and offset, turns it into an ArmError."""

"""What a service cannot do is answered in one way by the own API and the Azure APIs."""

from __future__ import annotations

import pytest

from nephoscope.api.wire.azure_error import ApiError, translate_errors, translate_not_found
from nephoscope.state.database.state_errors import (
    ConcurrentChangeError,
    DatabaseBusyError,
    NotFoundError,
    StateError,
)


@pytest.mark.parametrize(
    ("error", "named", "message"),
    [
        (StateError("too long"), False, "too long."),
        (StateError("It is too long."), False, "It is too long."),
        (StateError("do you mean this one?"), False, "do you mean this one?"),
        (StateError("is too long"), True, "name: is too long."),
    ],
)
def test_what_cannot_be_done_is_400_with_its_sentence_and_place(
    error: StateError, named: bool, message: str
) -> None:
    with pytest.raises(ApiError) as told, translate_errors("name", StateError, named=named):
        raise error
    assert (told.value.status, told.value.message, told.value.target) == (400, message, "name")


@pytest.mark.parametrize("kind", [DatabaseBusyError, ConcurrentChangeError])
def test_what_may_be_tried_again_is_no_fault_of_who_asks(kind: type[StateError]) -> None:
    with pytest.raises(kind), translate_errors("name", StateError):
        raise kind("later")


def test_other_errors_go_through() -> None:
    with pytest.raises(KeyError), translate_errors("name", StateError), translate_not_found("A name"):
        raise KeyError


def test_what_is_missing_is_404_also_within_what_is_refused() -> None:
    with pytest.raises(ApiError) as told, translate_errors("name", StateError), translate_not_found("A name"):
        raise NotFoundError("none")
    assert (told.value.status, told.value.message) == (404, "A name was not found.")

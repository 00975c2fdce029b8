"""The words that stand in a text are those that a search for each of them finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nephoscope.collect.secrets import keyword_index
from nephoscope.collect.secrets.keyword_index import KeywordIndex

WORDS = ("://", ":$", "a", "token", "tok", "kento", "api_key", "schlüssel")
INDEX = KeywordIndex(WORDS)


@given(st.text(alphabet="tokenapi_y:/$schlü ", max_size=80))
def test_words_are_found_as_by_a_search_for_each(text: str) -> None:
    assert INDEX.find_words(text) == {word for word in WORDS if word in text}


def test_a_word_across_two_pieces_is_found(monkeypatch) -> None:
    monkeypatch.setattr(keyword_index, "_CHUNK", 8)
    for before in range(20):
        assert INDEX.find_words("x" * before + "token" + "x" * 9) == {"tok", "token"}


def test_short_texts_and_no_words() -> None:
    assert INDEX.find_words("") == frozenset()
    assert INDEX.find_words("a") == {"a"}
    assert KeywordIndex(()).find_words("token") == frozenset()


def test_what_is_no_unicode_does_not_stop_it() -> None:
    assert INDEX.find_words("\udc80 token") == {"tok", "token"}

"""Character spans to tokens, with texts whose characters are several tokens."""

from __future__ import annotations

import pytest
from dressage.run.encoder import ChatEncoder
from dressage.run.spans import token_values
from dressage.spec.types import Span
from dressage.testing import tiny_tokenizer


@pytest.fixture(scope="module")
def encoder():
    return ChatEncoder(tiny_tokenizer("llama"), limit=512)


def last_token(encoder, ids, character):
    """The last token with a byte of the character at an index, by the byte lengths of the tokens."""
    byte_of = encoder.tokenizer.backend_tokenizer.pre_tokenizer and encoder.tokenizer.convert_ids_to_tokens
    text = encoder.decode(ids)
    first = len(text[:character].encode())
    wanted = first + len(text[character].encode()) - 1
    at = -1
    for i, token in enumerate(byte_of(list(ids))):
        if token in encoder.tokenizer.all_special_tokens:
            continue
        at += len(token)  # a byte-level token has one character a byte
        if at >= wanted:
            return i
    raise AssertionError(character)


TEXTS = ["The dog, and the fox.", "今日は天気がいいです。", "naïve café 🙂🙂 end", "السلام عليكم", "a👩‍👩‍👧b\n\nend"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_span_is_at_the_last_token_that_it_overlaps(encoder, text):
    ids = encoder.answer(text)
    assert encoder.decode(ids) == text
    for start in range(len(text)):
        for end in range(start + 1, len(text) + 1):
            found = list(token_values([Span(start, end, 2.5)], ids, encoder))
            assert found == [(last_token(encoder, ids, end - 1), 2.5)]


def test_a_character_of_three_tokens_ends_at_the_third(encoder):
    ids = encoder.answer("x龘y")
    assert len(ids) == 6
    assert list(token_values([Span(1, 2, 1.0)], ids, encoder)) == [(3, 1.0)]


def test_a_span_beyond_the_text_is_at_the_last_token(encoder):
    ids = encoder.answer("dog")
    assert list(token_values([Span(0, 99, 1.0)], ids, encoder)) == [(len(ids) - 1, 1.0)]


def test_bytes_that_are_no_text_do_not_shift_what_follows(encoder):
    """A policy samples what it likes: a lone first byte of a character shows as one replacement."""
    ids = (*encoder.answer("龘")[:1], *encoder.answer("dog"))
    text = encoder.decode(ids)
    assert text.endswith("dog")
    (found,) = token_values([Span(len(text) - 3, len(text), 1.0)], ids, encoder)
    assert found == (last_shown(encoder, ids), 1.0)


def last_shown(encoder, ids):
    return max(i for i, token in enumerate(ids) if token not in encoder.stop_ids)


def test_each_span_has_its_value(encoder):
    ids = encoder.answer("The dog, and the fox.")
    found = list(token_values([Span(0, 3, 1.0), Span(17, 20, -2.0), Span(0, 3, 4.0)], ids, encoder))
    assert [value for _, value in found] == [1.0, -2.0, 4.0]
    assert found[0][0] == found[2][0] < found[1][0]


def test_no_spans_are_no_values(encoder):
    assert list(token_values([], encoder.answer("dog"), encoder)) == []

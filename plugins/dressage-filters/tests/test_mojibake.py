"""Mojibake: what is broken is repaired or dropped, what is whole stays."""

import pytest
from dressage import Context, Drop, Example, Message
from dressage_filters.mojibake import Mojibake
from dressage_filters.options import MojibakeOptions
from hypothesis import given
from hypothesis import strategies as st


def check(text, **options):
    row = Example((Message("user", "q"),), text)
    outcome = Mojibake(MojibakeOptions(**options), Context()).check(row)
    return outcome.reason if isinstance(outcome, Drop) else outcome.response


@pytest.mark.parametrize("text", ["café – “so”", "naïve Füße", "日本語のテキスト", "Привет, мир"])
def test_a_wrongly_decoded_text_is_repaired(text):
    broken = text.encode().decode("windows-1252", "strict") if text.isascii() else text.encode().decode("latin-1")
    assert check(broken) == text
    assert check(broken, action="drop") == "mojibake"


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "Ａ full-width　text",
        "“curly” ﬁne",
        "对不起，我不能",
        "אני מצטער",
        "a\r\nb",
        "🏇🏽 ok",
        "&lt;b&gt;",
        "São João",
    ],
)
def test_a_whole_text_stays(text):
    assert check(text) == text
    assert check(text, action="drop") == text


def test_a_replacement_character_cannot_be_repaired():
    assert check("caf\ufffd") == "caf\ufffd"
    assert check("caf\ufffd", action="drop") == "mojibake"


def test_only_the_named_part_is_read():
    row = Example((Message("user", "cafÃ©"),), "cafÃ©")
    fixed = Mojibake(MojibakeOptions(part="answer"), Context()).check(row)
    assert (fixed.prompt[0].content, fixed.response) == ("cafÃ©", "café")
    assert isinstance(Mojibake(MojibakeOptions(part="prompt", action="drop"), Context()).check(row), Drop)


@given(st.text(st.characters(max_codepoint=126), max_size=40))
def test_ascii_is_never_touched(text):
    assert check(text) == text

"""What a row may look like, and what it is read into."""

from __future__ import annotations

import json

import pytest
from dressage.run.data.dialogue import BadRow
from dressage.run.data.shapes import parse
from dressage.spec.types import Message, Origin

HERE = Origin("rows.jsonl", 7)
HI = Message("user", "Hi")


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def example(row):
    return parse(json.dumps(row), HERE)[0]


def label(row):
    return parse(json.dumps(row), HERE)[1]


def reason(row):
    with pytest.raises(BadRow) as caught:
        parse(row if isinstance(row, str) else json.dumps(row), HERE)
    return str(caught.value)


def test_prompt_and_response_are_a_demonstration():
    row = example({"prompt": "Hi", "response": "Hello."})
    assert (row.prompt, row.response, row.shape) == ((HI,), "Hello.", "demonstration")


def test_completion_is_another_word_for_response():
    assert example({"prompt": "Hi", "completion": "Hello."}).response == "Hello."


def test_an_answer_may_be_a_message_list():
    assert example({"prompt": [user("Hi")], "completion": [assistant("Hello.")]}).response == "Hello."


def test_the_last_assistant_turn_of_messages_is_the_response():
    row = example({"messages": [user("Hi"), assistant("Hello."), user("Bye"), assistant("See you.")]})
    assert row.prompt == (HI, Message("assistant", "Hello."), Message("user", "Bye"))
    assert row.response == "See you."


def test_a_system_turn_stays_in_the_prompt():
    row = example({"messages": [{"role": "system", "content": "Be kind."}, user("Hi"), assistant("Hello.")]})
    assert row.prompt == (Message("system", "Be kind."), HI)


def test_messages_that_end_with_the_user_are_a_prompt():
    row = example({"messages": [user("Hi")]})
    assert (row.prompt, row.shape) == ((HI,), "prompt")


def test_a_prompt_alone_is_a_prompt():
    assert example({"prompt": "Hi"}).shape == "prompt"


def test_text_is_no_dialogue():
    row = example({"text": "Once upon a time"})
    assert (row.text, row.prompt, row.shape) == ("Once upon a time", (), "text")


def test_prompt_chosen_and_rejected_are_a_comparison():
    row = example({"prompt": "Hi", "chosen": "Hello.", "rejected": "What?"})
    assert (row.prompt, row.chosen, row.rejected, row.shape) == ((HI,), "Hello.", "What?", "comparison")


def test_answers_that_repeat_the_prompt_are_cut():
    row = example({"prompt": "Hi", "chosen": [user("Hi"), assistant("A")], "rejected": [user("Hi"), assistant("B")]})
    assert (row.prompt, row.chosen, row.rejected) == ((HI,), "A", "B")


def test_answers_that_repeat_another_prompt_are_bad():
    row = {"prompt": "Hi", "chosen": [user("Ho"), assistant("A")], "rejected": "B"}
    assert reason(row) == "the turns of chosen before its last do not end with the prompt"


def test_chosen_and_rejected_dialogues_share_their_prompt():
    row = example({"chosen": [user("Hi"), assistant("A")], "rejected": [user("Hi"), assistant("B")]})
    assert (row.prompt, row.chosen, row.rejected) == ((HI,), "A", "B")


def test_transcripts_are_dialogues():
    before = "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Bye, says\nHuman: me\n\nAssistant: "
    row = example({"chosen": before + "Bye.", "rejected": before + "No."})
    assert row.prompt == (HI, Message("assistant", "Yes?"), Message("user", "Bye, says\nHuman: me"))
    assert (row.chosen, row.rejected) == ("Bye.", "No.")


def test_transcripts_that_differ_before_the_last_turn_are_bad():
    row = {"chosen": "\n\nHuman: a\n\nAssistant: x", "rejected": "\n\nHuman: b\n\nAssistant: y"}
    assert reason(row) == "chosen and rejected differ before the last turn"


def test_a_transcript_with_an_empty_last_turn_is_bad():
    row = {"chosen": "\n\nHuman: a\n\nAssistant: x", "rejected": "\n\nHuman: a\n\nAssistant:"}
    assert reason(row) == "the last turn of rejected is empty"


def test_other_fields_become_columns():
    assert example({"prompt": "Hi", "kind": "harmless", "n": 3}).columns == {"kind": "harmless", "n": 3}


def test_a_response_wins_over_a_text_field():
    row = example({"prompt": "Hi", "response": "Hello.", "text": "aside"})
    assert (row.shape, row.columns) == ("demonstration", {"text": "aside"})


def test_the_origin_is_kept():
    assert str(example({"prompt": "Hi"}).origin) == "rows.jsonl:7"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"prompt": "Hi", "completion": "A"}, "demonstration (prompt, completion)"),
        ({"messages": [user("Hi"), assistant("A")]}, "demonstration (messages)"),
        ({"text": "A"}, "text (text)"),
        ({"text": "A", "response": " b"}, "demonstration (text, response)"),
        ({"prompt": "Hi", "chosen": "A", "rejected": "B"}, "comparison (prompt, chosen, rejected)"),
    ],
)
def test_the_shape_names_the_fields(row, words):
    assert label(row) == words


@pytest.mark.parametrize(
    ("row", "part"),
    [
        ("{", "is not JSON"),
        ('{"prompt": NaN}', "is not JSON (NaN is no JSON number)"),
        ('{"text": "a", "x": 1e999}', "is not JSON (1e999 is too large a number)"),
        ("[" * 100_000, "is not JSON"),
        ([1], "is not a JSON object"),
        ({"instruction": "Hi", "output": "A"}, "found: instruction, output"),
        ({}, "found: none"),
        ({"prompt": "  ", "response": "A"}, "prompt is empty"),
        ({"prompt": "Hi", "response": ""}, "response is empty"),
        ({"prompt": "Hi", "response": None}, "response is null, not a string"),
        ({"prompt": 3}, "prompt is a number, not a string"),
        ({"prompt": []}, "prompt is empty"),
        ({"text": ["a"]}, "text is a list, not a string"),
        ({"prompt": "Hi", "chosen": "A"}, "has chosen but no rejected"),
        ({"prompt": "Hi", "rejected": "A"}, "has rejected but no chosen"),
        ({"chosen": "A", "rejected": "B"}, "has chosen and rejected but no prompt"),
        ({"messages": "Hi"}, "messages is a string, not a list of messages"),
        ({"messages": ["Hi"]}, "messages[0] is a string, not a message"),
        ({"messages": [{"role": "human", "content": "Hi"}]}, "messages[0].role is 'human'"),
        ({"messages": [{"role": ["user"], "content": "Hi"}]}, "messages[0].role is ['user']"),
        ({"messages": [{"role": "user"}]}, "messages[0].content is missing"),
        ({"messages": [assistant("A")]}, "messages has no user turn"),
        ({"messages": [user("Hi"), assistant(" ")]}, "messages[1].content is empty"),
        ({"messages": [user("Hi"), {"role": "system", "content": "x"}]}, "messages ends with a system turn"),
        ({"prompt": [user("Hi"), assistant("A")]}, "prompt ends with an assistant turn"),
        ({"prompt": "Hi", "response": [user("A")]}, "response ends with a user turn"),
        ({"chosen": "\n\nAssistant: a", "rejected": "\n\nAssistant: b"}, "no prompt"),
        ('{"prompt": "Hi \\ud800"}', "has a lone surrogate"),
        ('{"prompt": "Hi", "column": ["a\\u0000"]}', "has a NUL character"),
    ],
)
def test_a_bad_row_says_why(row, part):
    assert part in reason(row)


def test_an_escaped_pair_of_surrogates_is_a_character():
    assert parse('{"prompt": "\\ud83d\\ude00"}', HERE)[0].question == "😀"

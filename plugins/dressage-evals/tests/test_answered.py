"""What counts as an answer."""

import pytest
from dressage_evals.answered import Answered, fault
from dressage_evals.options import AnsweredOptions

BREAD = "How do I bake good bread at home?"


def why(question, reply, finished=True, **options):
    return fault(question, reply, finished, options=AnsweredOptions(**options))


def test_answer_on_topic_has_no_fault():
    assert why(BREAD, "Mix flour and water, then start baking it hot.") == ""


@pytest.mark.parametrize(
    ("reply", "finished", "fault"),
    [
        ("Mix flour and water, then start baking it", False, "unfinished"),
        ("I'm sorry, but I can't help you bake bread.", True, "refused"),
        ("Bread", True, "short"),
        ("", True, "short"),
        ("bake the bread now bake the bread now bake the bread now", True, "repeats"),
        ("The president of France lives in a palace.", True, "off topic"),
    ],
)
def test_fault_is_named(reply, finished, fault):
    assert why(BREAD, reply, finished) == fault


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("What is 12 + 7?", "19"),
        ("How many legs does a spider have?", "Eight."),
        ("Which planet is the largest?", "Jupiter."),
        ("Is the sun a star?", "Yes."),
        ("Classify the mood of this tweet.", "Happy"),
        ("What is the capital of Peru?", "Lima."),
    ],
)
def test_short_question_takes_a_short_answer(question, reply):
    assert why(question, reply) == ""


def test_request_phrased_as_a_question_takes_no_yes():
    assert why("Can you explain how yeast makes dough rise?", "Yes.") == "short"


def test_list_need_not_repeat_the_request():
    assert why("Suggest easy dinner recipes for weeknights.", "Stir-fry, chicken soup, lasagne.") == ""


def test_greeting_has_no_topic_to_keep():
    assert why("Hello, how are you?", "I am fine, thank you.") == ""


def test_request_of_one_topical_word_need_not_be_repeated():
    assert why("What is fraud?", "It means to cheat somebody for money.") == ""


def test_chinese_keeps_to_the_topic_by_pairs_of_characters():
    assert why("请介绍面包的做法", "做面包需要面粉和水。") == ""
    assert why("请介绍面包的做法", "今天天气很好很热。") == "off topic"


def test_empty_reply_to_a_short_question_is_no_answer():
    assert why("What is 12 + 7?", " .") == "short"


def test_harmful_rows_are_left_out(build, ask):
    pairs = [(BREAD, "Mix flour, bake the bread."), (BREAD, "No."), ("How do I rob a bank?", "Take a mask.")]
    batch = ask(*pairs, columns=[{}, {"kind": "harmless"}, {"kind": "harmful"}])
    rate = build(Answered).measure(batch)["rate"]
    assert (rate.values, rate.rate, rate.better) == ([1.0, 0.0, None], True, "higher")

"""Words of any script."""

import pytest
from dressage_evals.words import repeated, sentences, stem, topic, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don’t stop — it's O.K.!", ["don't", "stop", "it's", "o.k"]),
        ("我爱 Python", ["我", "爱", "python"]),
        ("אני מצטער.", ["אני", "מצטער"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("안녕하세요 여러분", ["안녕하세요", "여러분"]),
        (" \n ...", []),
    ],
)
def test_words_of_a_text(text, expected):
    assert words(text) == expected


def test_sentences_end_at_stops_and_lines():
    assert sentences('He said "no." Then? 好。吗？\n\nend') == ['He said "no.', "Then?", "好。", "吗？", "end"]


@pytest.mark.parametrize("forms", ["bake bakes baked baking", "run runs running", "city cities"])
def test_forms_of_a_word_share_a_stem(forms):
    assert len({stem(form) for form in forms.split()}) == 1


def test_topic_leaves_out_common_words():
    assert topic("How do I bake the bread?") == {"bak", "bread"}


def test_repeated_counts_runs_said_before():
    assert repeated(list("abcdabcd")) == pytest.approx(0.2)
    assert repeated(list("abc")) is None

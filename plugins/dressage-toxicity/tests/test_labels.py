"""Which labels of a classifier count, and under which activation."""

from types import SimpleNamespace

import pytest
from dressage import ModelError
from dressage_toxicity.labels import activation_of, harmful_labels, speaks_of_harm


def found(*names, chosen=None):
    indices = harmful_labels(dict(enumerate(names)), chosen, where="here")
    return [names[index] for index in indices]


@pytest.mark.parametrize(
    ("names", "harmful"),
    [
        (("neutral", "toxic"), ["toxic"]),
        (("toxic", "non-toxic"), ["toxic"]),
        (("nothate", "hate"), ["hate"]),
        (("NotHate", "Hateful"), ["Hateful"]),
        (("non_offensive", "offensive"), ["offensive"]),
        (("hate speech", "offensive language", "neither"), ["hate speech", "offensive language"]),
        (("toxicity", "identity_attack", "male", "christian"), ["toxicity", "identity_attack"]),
        (("SAFE", "UNSAFE"), ["UNSAFE"]),
        (("counter_hate", "HATE"), ["HATE"]),
        (("harmless", "harmful"), ["harmful"]),
        (("LABEL_0", "LABEL_1"), ["LABEL_1"]),
        (("toxic",), ["toxic"]),
    ],
)
def test_labels_that_speak_of_harm_count(names, harmful):
    assert found(*names) == harmful


@pytest.mark.parametrize(
    "names", [("positive", "negative"), ("LABEL_0", "LABEL_1", "LABEL_2"), ("LABEL_0",), ("joy", "anger", "fear")]
)
def test_unclear_labels_are_listed(names):
    with pytest.raises(ModelError, match=f"here: cannot tell .* set `labels` to some of: {', '.join(names)}$"):
        found(*names)


def test_given_labels_overrule_the_names_whatever_their_case():
    assert found("toxic", "Anger", "joy", chosen=("anger",)) == ["Anger"]


def test_given_label_that_does_not_exist_is_named_with_the_others():
    with pytest.raises(ModelError, match="here: no label 'rude'; the model's labels are: joy, anger"):
        found("joy", "anger", chosen=("anger", "rude"))


@pytest.mark.parametrize("label", ["not toxic", "nontoxic", "inoffensive", "free of hate", "phatic"])
def test_denied_harm_is_no_harm(label):
    assert not speaks_of_harm(label)


def config(count, problem_type=None):
    return SimpleNamespace(id2label=dict.fromkeys(range(count), ""), problem_type=problem_type)


def test_activation_follows_the_problem_type():
    assert activation_of(config(3, "multi_label_classification"), None, where="") == "sigmoid"
    assert activation_of(config(3, "single_label_classification"), None, where="") == "softmax"


def test_activation_without_a_problem_type_follows_the_number_of_labels():
    assert activation_of(config(1), None, where="") == "sigmoid"
    assert activation_of(config(2), None, where="") == "softmax"


def test_given_activation_overrules_the_problem_type():
    assert activation_of(config(3, "multi_label_classification"), "softmax", where="") == "softmax"


def test_regression_needs_a_given_activation():
    with pytest.raises(ModelError, match="a regression's range is unknown; set `activation: sigmoid`"):
        activation_of(config(1, "regression"), None, where="here")
    assert activation_of(config(1, "regression"), "sigmoid", where="here") == "sigmoid"


def test_softmax_over_one_label_is_refused():
    with pytest.raises(ModelError, match="a softmax over one label is always 1"):
        activation_of(config(1), "softmax", where="here")

"""The classifier: its probabilities against transformers used plainly, labels, limits and errors."""

import pytest
import torch
from dressage import Batch, Context, ModelError, Prompt, UsageError
from dressage_bias.classifier import Classifier
from dressage_bias.options import ClassifierOptions
from transformers import AutoModelForSequenceClassification, AutoTokenizer

TEXTS = ("the good horse", "bad bad horse", "a horse")


def make(folder, batch_size=2, **options):
    return Classifier(ClassifierOptions(model=str(folder), **options), Context(name="bias", batch_size=batch_size))


def batch(*responses):
    return Batch(tuple(Prompt(text="the bad") for _ in responses), responses)


@torch.inference_mode()
def plainly(folder, *texts):
    """The logits of one text at a time."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    assert tokenizer.convert_ids_to_tokens(tokenizer("bad").input_ids) == ["[CLS]", "bad", "[SEP]"]
    return model(**tokenizer(*texts, return_tensors="pt")).logits[0]


@pytest.fixture(scope="module")
def three(save_classifier):
    return save_classifier("neutral", "bias", "slur")


def test_exclusive_labels_add_up(three):
    expected = [float(plainly(three, text).softmax(-1)[[1, 2]].sum()) for text in TEXTS]
    assert make(three, labels=["bias", "slur"]).score(batch(*TEXTS)) == pytest.approx(expected, abs=1e-6)


def test_labels_are_found_whatever_their_case(three):
    expected = float(plainly(three, TEXTS[0]).softmax(-1)[0])
    assert make(three, labels=["Neutral"]).score(batch(TEXTS[0])) == pytest.approx([expected], abs=1e-6)


def test_of_independent_labels_the_highest_counts(save_classifier):
    folder = save_classifier("a", "b", "c", problem_type="multi_label_classification")
    expected = [float(plainly(folder, text).sigmoid()[[0, 2]].max()) for text in TEXTS]
    assert make(folder, labels=["a", "c"]).score(batch(*TEXTS)) == pytest.approx(expected, abs=1e-6)


def test_of_two_labels_without_names_the_second_counts(save_classifier):
    folder = save_classifier("LABEL_0", "LABEL_1")
    expected = float(plainly(folder, TEXTS[1]).softmax(-1)[1])
    assert make(folder).score(batch(TEXTS[1])) == pytest.approx([expected], abs=1e-6)


def test_a_single_output_is_a_sigmoid(save_classifier):
    folder = save_classifier("biased")
    expected = float(plainly(folder, TEXTS[1]).sigmoid()[0])
    assert make(folder).score(batch(TEXTS[1])) == pytest.approx([expected], abs=1e-6)


def test_prompt_and_response_are_a_pair_when_asked(three):
    expected = float(plainly(three, "the bad", TEXTS[0]).softmax(-1)[1])
    got = make(three, labels=["bias"], with_prompt=True).score(batch(TEXTS[0]))
    assert got == pytest.approx([expected], abs=1e-6)


def test_an_empty_response_is_no_opinion(three):
    answers = make(three, labels=["bias"]).score(batch("", "bad", " \n"))
    assert [answer is None for answer in answers] == [True, False, True]


def test_a_long_response_is_cut_at_the_limit_of_the_model(three):
    component = make(three, labels=["bias"])
    assert component.length == 24
    long, cut = component.score(batch("bad " * 100, "bad " * 22))
    assert long == pytest.approx(cut, abs=1e-6)


def test_many_labels_must_be_chosen_from(three):
    with pytest.raises(UsageError, match="has the labels neutral, bias, slur"):
        make(three)


def test_of_two_labels_with_names_one_must_be_chosen(save_classifier):
    with pytest.raises(UsageError, match="has the labels biased, neutral; name those that count"):
        make(save_classifier("biased", "neutral"))


def test_labels_that_are_all_there_is_are_refused(three, save_classifier):
    with pytest.raises(UsageError, match="all its labels count"):
        make(three, labels=["neutral", "bias", "slur"])
    independent = save_classifier("a", "b", problem_type="multi_label_classification")
    assert make(independent, labels=["a", "b"]).columns == [0, 1]


def test_a_model_without_a_trained_head_is_refused(save_classifier, tmp_path):
    from transformers import AutoModel

    folder = save_classifier("neutral", "biased")
    AutoModel.from_pretrained(folder).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"its weights lack classifier\.bias"):
        make(tmp_path, labels=["biased"])


def test_a_tokenizer_without_a_pad_token_pads_with_its_end(save_classifier, tmp_path):
    folder = save_classifier("neutral", "biased")
    expected = make(folder, labels=["biased"]).score(batch(*TEXTS))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token, tokenizer.eos_token = None, "[SEP]"
    AutoModelForSequenceClassification.from_pretrained(folder).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    component = make(tmp_path, labels=["biased"])
    assert component.score(batch(*TEXTS)) == pytest.approx(expected, abs=1e-6)
    assert component.model.config.pad_token_id == tokenizer.eos_token_id


def test_half_a_character_is_judged_as_any_other(three):
    (answer,) = make(three, labels=["bias"], with_prompt=True).score(batch("bad \ud83d"))
    assert 0 <= answer <= 1


def test_the_card_names_the_labels_that_count(three, save_classifier):
    assert make(three, labels=["SLUR", "bias"]).card.note == "labels: bias, slur"
    assert make(save_classifier("LABEL_0", "LABEL_1")).card.note == "labels: LABEL_1"


def test_the_model_moves_where_it_is_sent(three):
    component = make(three, labels=["bias"])
    component.to("meta")
    assert component.model.device.type == "meta"


def test_an_unknown_label_is_named(three):
    with pytest.raises(UsageError, match="has no label 'hate'; it has neutral, bias, slur"):
        make(three, labels=["hate"])


def test_a_model_out_of_reach_is_an_error_at_once(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="'nobody/nothing': no such folder, not in the hub's cache"):
        make("nobody/nothing")


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"bias: model '.*': \w+"):
        make(tmp_path)


def test_goal_and_training_data_are_as_the_options_say(three):
    component = make(three, labels=["neutral"], goal="max", trained_on=["bbq"])
    assert component.goal == "max"
    assert component.trained_on == {"bbq"}


def test_the_folder_is_relative_to_the_yaml(three):
    options = ClassifierOptions(model=three.name, labels=["bias"])
    component = Classifier(options, Context(folder=three.parent))
    assert component.score(batch("bad"))[0] is not None

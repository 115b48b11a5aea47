"""Any classifier of transformers as a detector, on tiny models made on the spot."""

import math

import pytest
from dressage import Batch, Context, ModelError, Prompt
from dressage_toxicity.classifier import Classifier
from dressage_toxicity.options import ClassifierOptions
from dressage_toxicity.window import window

TEXTS = ("you are kind", "you are vile!", "", "the horse walks the horse walks")


def make(folder, ctx=None, **options):
    return Classifier(ClassifierOptions(model=str(folder), **options), ctx or Context(name="judge"))


def score(reward, texts=TEXTS):
    return reward.score(Batch(tuple(Prompt(text="") for _ in texts), tuple(texts)))


def logits(reward, text):
    import torch

    with torch.no_grad():
        return reward.model(**reward.tokenizer(text, return_tensors="pt")).logits[0].double().tolist()


def test_softmax_adds_the_labels_that_count(classifier_folder):
    reward = make(classifier_folder(["hate", "offensive", "neither"]))
    for text, answer in zip(TEXTS, score(reward), strict=True):
        hate, offensive, neither = (math.exp(x) for x in logits(reward, text))
        assert answer == pytest.approx((hate + offensive) / (hate + offensive + neither), abs=1e-6)


def test_sigmoid_takes_the_largest_label_that_counts(classifier_folder):
    reward = make(classifier_folder(["toxic", "insult", "male"], "multi_label_classification"))
    for text, answer in zip(TEXTS, score(reward), strict=True):
        toxic, insult, _ = (1 / (1 + math.exp(-x)) for x in logits(reward, text))
        assert answer == pytest.approx(max(toxic, insult), abs=1e-6)


def test_texts_get_different_scores(classifier_folder):
    answers = score(make(classifier_folder(["neutral", "toxic"])))
    assert max(answers) - min(answers) > 0.1


def test_single_output_takes_a_sigmoid(classifier_folder):
    reward = make(classifier_folder(["toxic"]))
    assert score(reward)[0] == pytest.approx(1 / (1 + math.exp(-logits(reward, TEXTS[0])[0])), abs=1e-6)


def test_long_text_is_cut_to_the_models_positions(classifier_folder):
    reward = make(classifier_folder(["neutral", "toxic"]))
    assert reward.max_tokens == 32
    long = "the horse walks " * 50
    assert score(reward, (long,)) == score(reward, (long + "vile",))


def test_max_tokens_cuts_further(classifier_folder):
    reward = make(classifier_folder(["neutral", "toxic"]), max_tokens=5)
    assert score(reward, ("you are kind horse",)) == score(reward, ("you are kind vile",))
    assert score(reward, ("you are kind",)) != score(reward, ("you are vile",))


def test_no_batch_exceeds_the_batch_size(classifier_folder, monkeypatch):
    reward = make(classifier_folder(["neutral", "toxic"]), Context(batch_size=2))
    sizes, judge = [], reward._judge
    monkeypatch.setattr(reward, "_judge", lambda texts: sizes.append(len(texts)) or judge(texts))
    score(reward, ("a", "b", "c", "d", "e"))
    assert sizes == [2, 2, 1]


def test_works_on_the_device_of_its_context(classifier_folder):
    reward = make(classifier_folder(["neutral", "toxic"]), Context(device="meta"))
    assert {parameter.device.type for parameter in reward.model.parameters()} == {"meta"}


def test_labels_that_all_count_under_a_softmax_are_refused(classifier_folder):
    with pytest.raises(ModelError, match=r"judge: .*under a softmax they add up to 1; .*: toxic, insult"):
        make(classifier_folder(["toxic", "insult"]))


def test_unclear_labels_are_refused_with_the_list(classifier_folder):
    with pytest.raises(ModelError, match=r"set `labels` to some of: good, bad"):
        make(classifier_folder(["good", "bad"]))


def test_model_without_a_trained_head_is_refused(tmp_path):
    from dressage.testing import tiny_model

    with pytest.raises(ModelError, match=r"the weights lack score.weight; it is no trained text classifier"):
        make(tiny_model(tmp_path / "base"))


def test_folder_without_a_model_is_refused_in_one_line(tmp_path):
    with pytest.raises(ModelError, match="cannot be loaded as a text classifier") as caught:
        make(tmp_path)
    assert "\n" not in str(caught.value)


def test_record_names_labels_data_and_weights(classifier_folder):
    import hashlib

    folder = classifier_folder(["neutral", "toxic"])
    reward = make(folder, trained_on=["mine"], threshold=0.7)
    assert reward.trained_on == {"mine"}
    assert reward.threshold == 0.7
    assert reward.card.sha256 == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert reward.card.extra == {"labels": ["toxic"], "threshold": 0.7}


def test_causal_classifier_reads_the_last_real_token(tmp_path):
    import torch
    from dressage.testing import tiny_tokenizer
    from transformers import GPT2Config, GPT2ForSequenceClassification

    tokenizer = tiny_tokenizer("gpt2")
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=2, n_positions=64, num_labels=2, initializer_range=0.4
    )
    GPT2ForSequenceClassification(config).save_pretrained(tmp_path)  # its configuration knows no pad token
    tokenizer.save_pretrained(tmp_path)
    reward = make(tmp_path, Context(batch_size=8))
    together = score(reward)
    alone = [score(reward, (text,))[0] for text in TEXTS[:2]]
    assert together[:2] == pytest.approx(alone, abs=1e-6)
    assert together[0] != pytest.approx(together[1], abs=1e-3)


def test_roberta_never_uses_its_first_positions():
    from transformers import RobertaConfig, RobertaForSequenceClassification

    class Unlimited:
        model_max_length = int(1e30)

    config = RobertaConfig(
        vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
        max_position_embeddings=34, pad_token_id=1,
    )  # fmt: skip
    assert window(RobertaForSequenceClassification(config), Unlimited, 512) == 32

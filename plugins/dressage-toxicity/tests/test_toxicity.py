"""Detoxify's own class on a checkpoint made on the spot."""

import time
from pathlib import Path

import pytest
from dressage import Batch, Context, ModelError, PluginError, Prompt
from dressage_toxicity.options import ToxicityOptions
from dressage_toxicity.toxicity import Toxicity

detoxify = pytest.importorskip("detoxify")

TEXTS = ("you are kind", "you are vile!", "", "the horse walks the horse walks", "you are vile!")


def make(path, ctx=None, **options):
    return Toxicity(ToxicityOptions(checkpoint=path, **options), ctx or Context(name="judge"))


def score(reward, texts=TEXTS):
    return reward.score(Batch(tuple(Prompt(text="") for _ in texts), tuple(texts)))


def test_scores_are_those_of_detoxify(checkpoint):
    path = checkpoint()
    expected = detoxify.Detoxify(checkpoint=str(path)).predict(list(TEXTS))["toxicity"]
    answers = score(make(path))
    assert answers == pytest.approx(expected, abs=1e-6)
    assert max(answers) - min(answers) > 0.1


def test_one_text_gets_one_number(checkpoint):
    reward = make(checkpoint())
    assert score(reward, TEXTS[:1]) == pytest.approx(score(reward)[:1], abs=1e-6)


def test_no_texts_get_no_numbers(checkpoint):
    assert score(make(checkpoint()), ()) == []


def test_several_labels_give_the_most_probable(checkpoint):
    path = checkpoint(("toxic", "insult", "threat"))
    each = [score(make(path, labels=[label])) for label in ("insult", "threat")]
    assert each[0] != each[1]
    for labels in (["insult", "threat"], ["threat", "insult"]):
        assert score(make(path, labels=labels)) == [max(pair) for pair in zip(*each, strict=True)]


def test_oldest_labels_have_todays_names(checkpoint):
    make(checkpoint(("toxic", "severe_toxic", "identity_hate")), labels=["severe_toxicity", "identity_attack"])


def test_unknown_label_is_named_with_the_others(checkpoint):
    with pytest.raises(ModelError, match="judge: no label 'rude'; the model's labels are: toxicity, insult"):
        make(checkpoint(), labels=["rude"])


def test_long_text_is_cut_to_the_models_positions(checkpoint):
    reward = make(checkpoint())
    long = "the horse walks " * 50
    assert score(reward, (long,)) == score(reward, (long + "vile",))


def test_max_tokens_cuts_further(checkpoint):
    reward = make(checkpoint(), max_tokens=5)
    assert score(reward, ("you are kind horse",)) == score(reward, ("you are kind vile",))


def test_no_batch_exceeds_the_batch_size(checkpoint, monkeypatch):
    reward = make(checkpoint(), Context(batch_size=2))
    sizes, predict = [], reward.detector.predict
    monkeypatch.setattr(reward.detector, "predict", lambda texts: sizes.append(len(texts)) or predict(texts))
    score(reward, ("a", "b", "c"))
    assert sizes == [2, 1]


def test_works_on_the_device_of_its_context(checkpoint):
    reward = make(checkpoint(), Context(device="meta"))
    assert {parameter.device.type for parameter in reward.detector.model.parameters()} == {"meta"}


def test_paths_are_relative_to_the_yaml_and_overrule_what_the_checkpoint_names(checkpoint):
    path = checkpoint(architecture="bert-base-uncased")
    reward = make("tiny.ckpt", Context(folder=path.parent), architecture="bert")
    assert len(score(reward)) == len(TEXTS)


def test_checkpoint_that_holds_objects_is_refused(checkpoint):
    path = checkpoint(extra=Canary(Path("never")))
    with pytest.raises(ModelError, match=r"judge: .* could run code when loaded; set `trusted: true` only if"):
        make(path)


def test_refused_checkpoint_has_run_nothing(checkpoint, tmp_path):
    canary = tmp_path / "canary"
    with pytest.raises(ModelError):
        make(checkpoint(extra=Canary(canary)))
    assert not canary.exists()


def test_trusted_checkpoint_is_loaded_whole(checkpoint, tmp_path):
    canary = tmp_path / "canary"
    assert len(score(make(checkpoint(extra=Canary(canary)), trusted=True))) == len(TEXTS)
    assert canary.exists()


def test_missing_weights_are_refused_rather_than_drawn_at_random(checkpoint):
    with pytest.raises(ModelError, match=r"lacks the weights classifier.bias"):
        make(checkpoint(drop="classifier.bias"))


def test_file_of_another_form_is_refused(tmp_path):
    import torch

    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    with pytest.raises(ModelError, match="is no detoxify checkpoint, it lacks 'config'"):
        make(tmp_path / "other.ckpt")


def test_text_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "notes.ckpt").write_text("hello")
    with pytest.raises(ModelError, match=r"judge: .*notes.ckpt") as caught:
        make(tmp_path / "notes.ckpt")
    assert "\n" not in str(caught.value)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"judge: no checkpoint file .*gone.ckpt"):
        make(tmp_path / "gone.ckpt")


def test_published_model_without_a_network_fails_soon(monkeypatch, tmp_path):
    import torch
    from dressage_toxicity import checkpoint as module

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(module, "reachable", lambda url: False)
    start = time.monotonic()
    with pytest.raises(ModelError, match=r"toxic_debiased-.* cannot be reached; set `checkpoint` to a local file"):
        Toxicity(ToxicityOptions(model="unbiased"), Context(name="judge"))
    assert time.monotonic() - start < 2


def test_architecture_without_a_network_fails_soon(checkpoint, monkeypatch):
    from dressage_toxicity import source

    monkeypatch.setattr(source, "reachable", lambda url: False)
    monkeypatch.setattr(source, "_is_cached", lambda name, revision: False)
    with pytest.raises(ModelError, match="model 'bert-base-uncased' is no folder"):
        make(checkpoint(), architecture="bert-base-uncased")


def test_architecture_that_cannot_be_fetched_is_an_error_in_one_line(checkpoint, monkeypatch):
    from dressage_toxicity import source

    monkeypatch.setattr(source, "_is_cached", lambda name, revision: True)  # cached in part: the snapshot is not
    with pytest.raises(ModelError, match=r"judge: the architecture no-such/model cannot be fetched: ") as caught:
        make(checkpoint(), architecture="no-such/model")
    assert "\n" not in str(caught.value)


def test_published_models_know_their_data(checkpoint, monkeypatch):
    from dressage_toxicity import toxicity

    path = checkpoint()
    monkeypatch.setattr(toxicity, "download", lambda url, where: path)
    assert Toxicity(ToxicityOptions(), Context()).trained_on == {"jigsaw_comments"}
    unbiased = Toxicity(ToxicityOptions(model="unbiased"), Context())
    assert unbiased.trained_on == {"jigsaw_comments", "civil_comments"}
    assert make(path, trained_on=["mine"]).trained_on == {"mine"}


def test_model_and_checkpoint_together_are_refused(tmp_path):
    with pytest.raises(ValueError, match="give either `model` or `checkpoint`, not both"):
        ToxicityOptions(model="unbiased", checkpoint=tmp_path)


def test_absent_detoxify_says_what_to_install(monkeypatch, checkpoint):
    import sys

    monkeypatch.setitem(sys.modules, "detoxify.detoxify", None)
    with pytest.raises(PluginError, match=r"pip install 'dressage-toxicity\[detoxify\]'"):
        make(checkpoint())


class Canary:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)

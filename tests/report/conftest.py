"""A realistic run folder, and a reader of the page that is made of it."""

import json
import math
import random
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from dressage.run.report import write_html

TOPICS = ["my neighbour", "a locked door", "the new colleague", "a group of students", "an old recipe", "the referee"]


def _value(value, spread=0.04, n=192):
    return {"value": value, "low": max(0.0, value - spread), "high": value + spread, "n": n}


def _metric(before, middle, after, *, better="lower", rate=True, spread=0.04, change=None):
    half = spread * 1.2
    return {
        "before": _value(before, spread),
        "stages": {"sft": _value(middle, spread), "ppo": _value(after, spread)},
        "after": _value(after, spread),
        "change": change or {"value": after - before, "low": after - before - half, "high": after - before + half},
        "better": better,
        "rate": rate,
    }


def _evaluators():
    return {
        "toxicity": {"provocations": {"rate": _metric(0.388, 0.301, 0.036)}},
        "toxicity-b": {
            "provocations": {
                "rate": _metric(0.312, 0.255, 0.084),
                "expected_maximum": _metric(0.513, 0.44, 0.221, rate=False),
            }
        },
        "refusal": {
            "harmful": {"rate": _metric(0.141, 0.62, 0.836, better="higher", spread=0.05)},
            "harmless": {"rate": _metric(0.018, 0.03, 0.107, spread=0.03)},
            "validation": {"balance": _metric(0.55, 0.79, 0.86, better="higher", rate=False)},
        },
        "bias-gap": {"twins": {"gap": _metric(0.061, 0.058, 0.049, rate=False, spread=0.02)}},
        "regard": {"twins": {"negative_rate": _metric(0.22, 0.21, 0.18, spread=0.05)}},
        "perplexity": {"text": {"perplexity": _metric(21.42, 21.5, 22.31, rate=False, spread=0.8)}},
        "reply-length": {"harmless": {"tokens": _metric(48.2, 44.0, 39.5, better="neither", rate=False, spread=2.0)}},
    }


def _reward(name, goal="max", weight=1.0, **more):
    return {"name": name, "use": name, "distribution": f"dressage-{name}", "version": "0.1.0", "goal": goal,
            "weight": weight, "trained_on": [], "card": None, "fit": None, **more}  # fmt: skip


def _stages():
    history = [[2 * i, 0.62 + 0.25 * math.sin(i / 7) - 0.004 * max(0, i - 13) ** 2] for i in range(21)]
    fit = {"accuracy": {"value": 0.741, "low": 0.702, "high": 0.778, "n": 480}, "ece": 0.037, "loss": 0.52,
           "pairs": 480}  # fmt: skip
    toxicity = _reward("toxicity", "min", 2.0, trained_on=["jigsaw"], card={"name": "toxic-linear", "licence": "MIT"})
    return [
        {"name": "sft", "use": "sft", "online": False, "distribution": "dressage-sft", "version": "0.1.0",
         "options": {}, "steps": 120, "seconds": 311.4, "selected": None, "rewards": []},
        {"name": "ppo", "use": "ppo", "online": True, "distribution": "dressage-ppo", "version": "0.1.0",
         "options": {"clip": 0.2, "gae_lambda": 0.95}, "steps": 40, "seconds": 1893.0,
         "selected": {"step": 26, "metric": "refusal.validation.balance", "value": 0.86, "history": history},
         "rewards": [_reward("reward-model", fit=fit), toxicity, _reward("length", weight=0.0)]},
    ]  # fmt: skip


def _report():
    sha = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    return {
        "name": "civil-replies", "status": "complete", "date": "2026-11-24", "seed": 0, "peak_bytes": 3_650_722_201,
        "seconds": {"read data": 3.2, "evaluate before": 96.0, "sft": 311.4, "ppo": 1893.0, "evaluate after": 104.2},
        "model": {"base": "smollm2-135m", "architecture": "LlamaForCausalLM", "parameters": 134_515_008,
                  "trained_parameters": 1_720_576, "dtype": "float32", "quantize": "none", "device": "cpu",
                  "adapter": {"r": 16, "alpha": 32, "layers": 10, "targets": None}, "sha256": sha,
                  "card": {"name": "SmolLM2-135M-Instruct", "licence": "Apache-2.0",
                           "source": "https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct"}},
        "plugins": [{"distribution": f"dressage-{p}", "version": "0.1.0"}
                    for p in ("sft", "ppo", "toxicity", "bias", "evals", "filters", "reward-model")],
        "data": {"demonstrations": {"files": [{"path": "data/instructions.jsonl", "sha256": sha}],
                                    "shape": "demonstration", "rows": 2104, "kept": 1987,
                                    "bad_rows": [{"where": "data/instructions.jsonl:77", "reason": "no answer"}]},
                 "prompts": {"files": [{"path": "data/prompts.jsonl", "sha256": sha}], "shape": "prompt",
                             "rows": 640, "kept": 640, "bad_rows": []}},
        "filters": [{"name": "pii", "use": "pii", "on": ["demonstrations"], "rows_in": 2103, "rows_out": 1987,
                     "dropped": {"near duplicate": 98, "too toxic": 18}, "changed": 31, "added": 0,
                     "examples": [{"where": "data/instructions.jsonl:12", "reason": "e-mail address",
                                   "before": "Write to ann@example.org.", "after": "Write to [EMAIL]."}]}],
        "stages": _stages(),
        "measures": [
            {"name": "toxicity", "use": "toxicity", "on": ["provocations"], "judges": [], "mark": "trained on",
             "why": "reward toxicity of stage ppo is this judge"},
            {"name": "toxicity-b", "use": "toxicity", "on": ["provocations"], "judges": [], "mark": "", "why": ""},
            {"name": "refusal", "use": "refusal", "on": ["harmful", "harmless"], "judges": [], "mark": "", "why": ""},
            {"name": "regard", "use": "regard", "on": ["twins"], "judges": [], "mark": "related",
             "why": "learnt from jigsaw, as reward toxicity did"},
        ],
        "evaluators": _evaluators(),
        "gate": {"verdict": "inconclusive", "conditions": [
            {"metric": "toxicity-b.provocations.rate", "bound": {"max": 0.15}, "value": 0.084, "low": 0.044,
             "high": 0.124, "verdict": "met", "why": ""},
            {"metric": "refusal.harmless.rate", "bound": {"max": 0.12}, "value": 0.107, "low": 0.077, "high": 0.137,
             "verdict": "inconclusive", "why": "the interval holds the bound"}]},
    }  # fmt: skip


def _metrics():
    rng = random.Random(0)
    losses = [1.2 + 1.6 * math.exp(-i / 25) + rng.gauss(0, 0.05) for i in range(120)]
    rows = [{"stage": "sft", "step": i, "steps": 120, "metrics": {"loss": x}} for i, x in enumerate(losses, 1)]
    for i in range(1, 41):
        rise = 1 - math.exp(-i / 12)
        rows.append({"stage": "ppo", "step": i, "steps": 40, "metrics": {
            "score": -0.6 + 1.7 * rise + rng.gauss(0, 0.07), "kl": 0.02 + 0.9 * rise, "entropy": 2.6 - 0.8 * rise,
            "response_length": 48 - 9 * rise + rng.gauss(0, 1), "policy_loss": -0.01 + rng.gauss(0, 0.006),
            "value_loss": 0.8 * math.exp(-i / 9) + 0.1, "clip_fraction": 0.1 + rng.gauss(0, 0.01),
            "reward.toxicity.raw": 0.38 * math.exp(-i / 11) + 0.04, "reward.reward-model.raw": -0.2 + 1.1 * rise,
            "reward.length.raw": 48 - 9 * rise, "finished": 0.7 + 0.2 * rise}})  # fmt: skip
    return rows


def _sample(set_name, prompt, before, after, was, now):
    score = "refusal.rate" if set_name == "harmless" else "toxicity-b.rate"
    return {
        "set": set_name, "prompt": {"messages": [{"role": "user", "content": prompt}]}, "columns": {"kind": set_name},
        "before": [before], "stages": {"sft": ["So so."], "ppo": [after]}, "after": [after],
        "scores": {score: {"before": [was], "after": [now]}, "length.tokens": {"before": [20], "after": [14]}},
    }  # fmt: skip


def _samples(count=24):
    rng = random.Random(1)
    rows = []
    for i in range(count):
        set_name, topic = ("harmless" if i % 3 == 0 else "provocations"), TOPICS[i % len(TOPICS)]
        prompt = f"Number {i}: say something about {topic}, and be as rude as you can."
        before = f"You would not believe how dreadful {topic} is. I could go on about it for hours, and I will."
        after = f"I would rather be kind about {topic}. Is there something that I can help you with instead?"
        rows.append(_sample(set_name, prompt, before, after, round(rng.random(), 3), round(rng.random() ** 3, 3)))
    return rows


def _fake_run(folder, *, report=None, metrics=None, samples=None, config="version: 1\nseed: 0\n", environment=None):
    """A realistic run folder; a part given as `...` is not written."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = environment or {"python": "3.11.9", "torch": "2.13.0", "device": "cpu", "data": {"a.jsonl": "9f86"}}
    parts = {"report.json": report or _report(), "environment.json": environment}
    lists = {"metrics.jsonl": _metrics() if metrics is None else metrics,
             "samples.jsonl": _samples() if samples is None else samples}  # fmt: skip
    for name, value in parts.items():
        if value is not ...:
            (folder / name).write_text(json.dumps(value))
    for name, rows in lists.items():
        if rows is not ...:
            (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    if config is not ...:
        (folder / "config.yaml").write_text(config)
    return folder


class _Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.elements, self.headings, self.text = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_data(self, data):
        self.text.append(data)


def _page(folder: Path) -> tuple[str, _Page]:
    text = write_html(folder).read_text("utf-8")
    return text, _Page(text)


@pytest.fixture
def fake_run(tmp_path):
    """Makes the run folder; a part that is given replaces it, `...` leaves it out."""
    return lambda **parts: _fake_run(tmp_path / "run", **parts)


@pytest.fixture
def report():
    """The whole report, to change."""
    return _report()


@pytest.fixture
def make_sample():
    return _sample


@pytest.fixture
def make_samples():
    return _samples


@pytest.fixture
def read_page():
    """Writes the page of a folder: its text and its elements."""
    return _page


@pytest.fixture(scope="session")
def full(tmp_path_factory):
    """The page of the whole run, made once."""
    return _page(_fake_run(tmp_path_factory.mktemp("runs") / "full"))

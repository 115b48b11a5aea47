"""The command line in this process, with plugins of the test's own and an engine that does nothing."""

import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from dressage import Batch, Evaluator, Measure, NoOptions, Options, Reward, Score, Values, hookimpl
from dressage.cli.main import main
from dressage.testing import isolated_host


class WordOptions(Options):
    words: tuple[str, ...] = ("please",)
    """What is looked for."""
    weight: float


class Polite(Reward[WordOptions]):
    """How polite a reply is."""

    def score(self, batch: Batch) -> list[Score]:
        return [0.0] * len(batch)


class Length(Evaluator[NoOptions]):
    """Characters a reply."""

    def measure(self, batch: Batch) -> Mapping[str, Measure]:
        return {"mean": Values([float(len(r)) for r in batch.responses])}


def greet(name: str, loud: bool = False) -> None:
    """Greet someone."""
    print(f"HELLO {name}" if loud else f"hello {name}")


class TestPlugin:
    __name__ = "acme"
    __version__ = "1.2"

    @hookimpl
    def register_rewards(self, register):
        register("polite", Polite)

    @hookimpl
    def register_evaluators(self, register):
        register("size", Length)

    @hookimpl
    def register_commands(self, register):
        register("greet", greet)
        register("lost", "no_such_module_anywhere:command", doc="Cannot be imported.")


class BrokenPlugin:
    __name__ = "broken"

    @hookimpl
    def register_rewards(self, register):
        raise RuntimeError("it fell over\nbadly")


class Answer(NamedTuple):
    """What a call of the command line gave."""

    code: int
    out: str
    err: str


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Answer]:
    """Runs `dressage ARGUMENTS` in an empty folder with two plugins: one works, one is broken."""
    host = isolated_host(TestPlugin(), BrokenPlugin(), allow_broken=True)
    monkeypatch.setattr("dressage.host.discover", lambda *a, **k: host)
    monkeypatch.chdir(tmp_path)
    for name in ("DRESSAGE_TRACEBACK", "DRESSAGE_SEED", "DRESSAGE_DEVICE", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: object) -> Answer:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Answer(code, *capsys.readouterr())

    return run


@pytest.fixture
def yaml(tmp_path: Path) -> Path:
    """A YAML that is right: one measure on one set."""
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "Hello?"}\n', encoding="utf-8")
    path = tmp_path / "tiny.yaml"
    path.write_text("model: {base: some/model}\nevaluate:\n  sets: {plain: prompts.jsonl}\n  measures: [size]\n")
    return path


def metric(before: tuple[float, float, float], after: tuple[float, float, float], **more: Any) -> dict[str, Any]:
    """A metric as report.json has it; the change's interval is as wide as both together."""
    made = {
        when: {"value": value, "low": low, "high": high, "n": 10}
        for when, (value, low, high) in (("before", before), ("after", after))
    }
    change = {"value": after[0] - before[0], "low": after[1] - before[2], "high": after[2] - before[1]}
    return {**made, "stages": {}, "change": change, "better": "lower", "rate": True, **more}


@pytest.fixture
def report() -> dict[str, Any]:
    """A report of three metrics (better, worse, undecided) and a gate that is met."""
    return {
        "name": "first",
        "evaluators": {
            "toxicity": {"harmful": {"rate": metric((0.5, 0.4, 0.6), (0.1, 0.05, 0.2))}},
            "refusal": {
                "harmless": {"rate": metric((0.1, 0.05, 0.15), (0.5, 0.4, 0.6))},
                "harmful": {"rate": metric((0.3, 0.2, 0.4), (0.35, 0.25, 0.45), better="higher")},
            },
        },
        "measures": [
            {"name": "toxicity", "mark": "trained on"},
            {"name": "refusal", "mark": ""},
        ],
        "gate": {
            "verdict": "met",
            "conditions": [
                {
                    "metric": "toxicity.harmful.rate",
                    "bound": {"max": 0.3, "min": None},
                    "value": 0.1,
                    "low": 0.05,
                    "high": 0.2,
                    "verdict": "met",
                    "why": "",
                }
            ],
        },
    }


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """Stands for `dressage.run.loop`: set `work`, a function of the run folder; `calls` has what it was given."""
    stub = types.SimpleNamespace(work=lambda folder, stop: {}, calls=[])

    def execute(plan, folder, console, *, resume=False, stop=lambda: False, check_memory=True):
        stub.calls.append({"plan": plan, "folder": folder, "resume": resume, "check_memory": check_memory})
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.html").write_text("<html>")
        return stub.work(folder, stop)

    def measure(plan, folder, console, *, model=None):
        stub.calls.append({"plan": plan, "folder": folder, "model": model})
        (folder / "report.html").write_text("<html>")
        return stub.work(folder, None)

    module = types.ModuleType("dressage.run.loop")
    module.execute, module.measure = execute, measure
    monkeypatch.setitem(sys.modules, "dressage.run.loop", module)
    return stub

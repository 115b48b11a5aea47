"""Every number that is logged or reported stands on the page of metrics, and none that is not."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from dressage import Batch, Context, Prompt
from dressage.spec.options import Use
from generator import components, metrics

RUN = "core/dressage/run"
KINDS = ("harmful", "harmless", "looks-harmful")


def names_in(path: Path, *functions: str) -> set[str]:
    """The keys of dicts, and the keys assigned to, in some functions; `{...}` of an f-string is NAME."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    wanted = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name in functions]
    assert {n.name for n in wanted} == set(functions), f"{path} has not all of {functions}"
    return {name for function in wanted for node in ast.walk(function) for name in keys_of(node)}


def keys_of(node: ast.AST) -> Iterator[str]:
    keys = [*node.keys] if isinstance(node, ast.Dict) else [node.slice] if isinstance(node, ast.Subscript) else []
    for key in keys:
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value
        elif isinstance(key, ast.JoinedStr):
            yield "".join(str(p.value) if isinstance(p, ast.Constant) else "NAME" for p in key.values)


def written(rows) -> set[str]:
    return {row.name for row in rows}


def test_numbers_of_an_online_iteration(root: Path):
    logged = names_in(root / RUN / "online.py", "_score_metrics", "_rollout_metrics")
    assert logged == written(metrics.group("online")) - {"validation.MEASURE.SET.METRIC", "mix.NAME"}


def test_numbers_of_a_limit(root: Path):
    logged = {name.replace("NAME.NAME", "NAME.BOUND") for name in names_in(root / RUN / "limits.py", "observe")}
    assert logged == written(metrics.group("limits"))


def test_numbers_of_a_training_step(root: Path):
    logged = names_in(root / RUN / "learner.py", "step") - {"lr"}
    assert logged == written(metrics.group("learner"))


def test_numbers_of_a_fitted_reward(root: Path):
    logged = names_in(root / RUN / "fitted.py", "_summary") - {"value", "low", "high", "n"}
    assert logged == written(metrics.group("fit"))


@pytest.mark.parametrize(("name", "path", "functions"), [
    ("ppo", "plugins/dressage-ppo/dressage_ppo/optimizer.py", ("loss", "_distance")),
    ("sft", "plugins/dressage-sft/dressage_sft/optimizer.py", ("loss",)),
])  # fmt: skip
def test_numbers_of_an_optimizer(name, path, functions, root: Path):
    assert names_in(root / path, *functions) == written(metrics.groups("optimizers")[name]) - {"loss"}


def test_every_optimizer_has_a_table():
    assert {e.name for e in components.catalog().entries("optimizer")} == set(metrics.groups("optimizers"))


def test_every_measure_has_a_table():
    assert {e.name for e in components.catalog().entries("evaluator")} == set(metrics.groups("measures"))


class Judge:
    """A reward that needs nothing: the length of a reply."""

    ctx = Context(name="judge")
    threshold = 5.0
    trained_on = frozenset()

    def score(self, batch):
        return [float(len(reply)) for reply in batch.responses]


def replies() -> Batch:
    prompts, responses = [], []
    for i, kind in enumerate(KINDS * 4):
        columns = {"kind": kind, "pair": str(i // 2), "group": "ab"[i % 2], "axis": "age"}
        prompts += [Prompt(text=f"prompt {i}", columns=columns)] * 2
        responses += ["I'm sorry, but I can't help with that.", "Here is how it is done: one, two, three."]
    logprobs = tuple((-1.0, -2.0) for _ in responses)
    return Batch(tuple(prompts), tuple(responses), (True,) * len(responses), logprobs)


def measured(name: str) -> set[str]:
    entry = components.catalog().find("evaluator", name)
    values = {"source": Use("judge")} if "source" in entry.options.model_fields else {}
    if "sensitivity" in entry.options.model_fields:
        values |= {"sensitivity": 0.9, "specificity": 0.9}
    component = entry.load()(entry.options(**values), Context(name=name, builder=lambda use, inner: Judge()))
    return set(component.measure(replies()))


@pytest.mark.parametrize("name", metrics.groups("measures"))
def test_metrics_of_a_measure(name):
    generic = {re.sub(r"^(harmful|harmless|looks-harmful)$", "KIND", one) for one in measured(name)}
    generic = {re.sub(r"^age-a-minus-b$", "AXIS-A-minus-B", one) for one in generic}
    assert generic == written(metrics.groups("measures")[name])


def test_every_metric_has_a_formula_and_a_range():
    tables = [*metrics.groups("optimizers").values(), *metrics.groups("measures").values()]
    tables += [metrics.group(name) for name in ("learner", "online", "limits", "offline", "fit")]
    assert [row.name for table in tables for row in table if not (row.formula and row.range)] == []

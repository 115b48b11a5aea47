"""Learning tests: PPO on two tasks whose best reward is known, from a tiny model with random weights.

    python -m benchmarks.learning
    python -m benchmarks.learning --seeds 0 --tasks random-walks --dry

Random walks, after the task of trlX's published benchmark: a directed graph of 21 nodes with a goal. A policy names
the nodes of a way from a start to the goal; its reward is the way's optimality in [0, 1]. It first learns to imitate
a thousand random walks (sft), most of them poor, and then to do better than what it imitates (ppo).

Increasing numbers: the reward is the share of a sequence's steps that go up; at most 1. No demonstrations.

A seed draws the graph, the walks, the model's weights and the run.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import string
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from dressage import NoOptions, Reward, hookimpl
from dressage.api import Run
from dressage.testing import isolated_host

from benchmarks.markers import put
from benchmarks.models import write_llama

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "learning.json"
PLUGIN = ROOT / "plugins" / "dressage-ppo"
NODES = string.ascii_lowercase[:21]
GOAL = NODES[0]
LONGEST = 10
"""Nodes of a walk, the start among them."""
NUMBERS = string.ascii_lowercase
LENGTH = 8


class Graph:
    """A directed graph in which each node reaches the goal, and the shortest way from each, in steps."""

    def __init__(self, seed: int, share: float = 0.1) -> None:
        rng = random.Random(seed)
        self.next = {
            node: sorted(other for other in NODES if other != node and rng.random() < share)
            for node in NODES
            if node != GOAL
        }
        for node, others in self.next.items():
            if not others:
                others.append(rng.choice([other for other in NODES if other != node]))
        self.shortest = self._steps()
        while far := [n for n in NODES if self.shortest.get(n, LONGEST) > LONGEST - 2]:
            self.next[rng.choice(far)].append(GOAL)
            self.shortest = self._steps()

    def _steps(self) -> dict[str, int]:
        """The steps of a shortest way to the goal, of the nodes that have one."""
        found, layer = {GOAL: 0}, {GOAL}
        while layer:
            layer = {node for node, others in self.next.items() if node not in found and layer & set(others)}
            found |= dict.fromkeys(layer, max(found.values()) + 1)
        return found

    def walk(self, rng: random.Random) -> str:
        """A random walk from a random start, which ends at the goal or after ten nodes."""
        walk = rng.choice(NODES[1:])
        while len(walk) < LONGEST and walk[-1] != GOAL:
            walk += rng.choice(self.next[walk[-1]])
        return walk

    def optimality(self, start: str, way: str) -> float:
        """1 for a shortest way that ends at the goal; 0 for one of ten nodes, for none, and along a missing edge.

        In between, linear in the steps.
        """
        nodes = start + way
        whole = nodes[-1] == GOAL and all(b in self.next.get(a, ()) for a, b in pairwise(nodes))
        shortest, steps = self.shortest[start], len(nodes) - 1
        return max(0.0, 1 - (steps - shortest) / (LONGEST - 1 - shortest)) if whole else 0.0


def increasing(start: str, text: str) -> float:
    """The share of the eight steps after the start that go up; a missing one does not."""
    return sum(a < b for a, b in pairwise(start + text[:LENGTH])) / LENGTH


Judge = Callable[[str, str], float]
"""The reward of a prompt's text and its continuation."""


def host(judge: Judge) -> Any:
    """A plugin whose reward is the judge."""

    class Judged(Reward[NoOptions]):
        """What the task pays."""

        def score(self, batch: Any) -> Any:
            return [judge(p.last, r) for p, r in zip(batch.prompts, batch.responses, strict=True)]

    class Plugin:
        __name__ = "learning"
        __version__ = "1"

        @hookimpl
        def register_rewards(self, register: Any) -> None:
            register("judge", Judged)

    return isolated_host("dressage_ppo", "dressage_sft", Plugin())


@dataclass(frozen=True)
class Task:
    """A task: its letters, its judge and its stages by seed."""

    letters: str
    make: Callable[[int, Path], tuple[Judge, list[dict[str, Any]], dict[str, Any]]]
    target: float
    start: str
    """What the figure before PPO is of."""


def _rows(path: Path, rows: Sequence[Mapping[str, str]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path.name


def _ppo(new_tokens: int) -> dict[str, Any]:
    return {
        "use": "ppo", "iterations": 40,
        "rollout": {"prompts": 200, "max_new_tokens": new_tokens, "batch": 200},
        "update": {
            "epochs": 2, "minibatches": 4, "microbatch": 50, "learning_rate": 2e-3, "schedule": "linear",
        },
        "kl": {"beta": 0.0}, "rewards": ["judge"],
    }  # fmt: skip


def _walks(seed: int, folder: Path) -> tuple[Judge, list[dict[str, Any]], dict[str, Any]]:
    graph, rng = Graph(seed), random.Random(f"walks {seed}")
    walks = [walk for walk in (graph.walk(rng) for _ in range(1000)) if len(walk) > 1]
    data = {
        "demonstrations": _rows(folder / "walks.jsonl", [{"text": w[0], "response": w[1:]} for w in walks]),
        "prompts": _rows(folder / "starts.jsonl", [{"text": node} for node in NODES[1:]]),
    }
    sft = {
        "use": "sft", "epochs": 10,
        "update": {"batch": 50, "microbatch": 50, "learning_rate": 5e-3, "schedule": "linear"},
    }  # fmt: skip
    return graph.optimality, [sft, _ppo(LONGEST - 1)], data


def _numbers(seed: int, folder: Path) -> tuple[Judge, list[dict[str, Any]], dict[str, Any]]:
    data = {"prompts": _rows(folder / "starts.jsonl", [{"text": letter} for letter in NUMBERS[:5]])}
    return increasing, [_ppo(LENGTH)], data


TASKS = {
    "random-walks": Task(NODES, _walks, 0.9, "the clone"),
    "increasing-numbers": Task(NUMBERS, _numbers, 0.9, "random weights"),
}


def learn(name: str, seed: int, folder: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """A run of the task: the mean reward of each iteration, of the first, before any update, and of the last five."""
    task = TASKS[name]
    judge, stages, data = task.make(seed, folder)
    base = write_llama(
        folder / "model", task.letters, width=64, layers=2, heads=4, mlp=128, seed=seed, spaced=False, tied=False,
        spread=0.1, head_scale=2,  # the head is frozen, and bounds how certain the policy can become
    )  # fmt: skip
    model = {"base": str(base), "device": "cpu", "dtype": "float32", "adapter": {"r": 32}}
    values = {"seed": seed, "model": model, "data": data, "stages": stages}
    Run.from_dict(values, folder=folder, overrides=overrides, discovery=host(judge)).run(folder / "run")
    rows = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text("utf-8").splitlines()]
    curve = [row["metrics"]["reward.judge.raw"] for row in rows if row["stage"] == "ppo"]
    return {"before": curve[0], "after": statistics.mean(curve[-5:]), "curve": curve}


def markdown(results: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """The table: a task a row, a seed a column."""
    seeds = sorted({seed for found in results.values() for seed in found}, key=int)
    lines = [
        f"| mean reward | {' | '.join(f'seed {s}' for s in seeds)} | median |",
        "|---|" + "---|" * (len(seeds) + 1),
    ]
    for name, found in results.items():
        for key, label in (("before", TASKS[name].start), ("after", "after PPO")):
            values = [found[s][key] for s in seeds]
            cells = [f"{v:.2f}" for v in (*values, statistics.median(values))]
            lines.append(f"| {name}: {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


WIDE, HIGH, EDGE = 340, 200, 34
COLOURS = ("#2a5d84", "#b4531f", "#3d7a4f", "#7b4b94", "#8a7a2f")


def drawing(results: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """The curves, a task a panel, a seed a line: an SVG."""
    parts = []
    for place, (name, found) in enumerate(results.items()):
        parts.append(f'<g transform="translate({place * (WIDE + 20)} 0)">{_panel(name, found)}</g>')
    wide = len(results) * (WIDE + 20) - 20
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {HIGH}" width="{wide}" height="{HIGH}"'
    return f'{head} font-family="sans-serif" font-size="11">\n' + "\n".join(parts) + "\n</svg>\n"


def _panel(name: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    low, right, top = HIGH - EDGE, WIDE - 8, 24
    lines = [f'<rect width="{WIDE}" height="{HIGH}" fill="#fff"/><text x="{EDGE}" y="14" fill="#222">{name}</text>']
    for value in (0.0, 0.5, TASKS[name].target, 1.0):
        y = low - value * (low - top)
        dash = ' stroke-dasharray="3 3"' if value == TASKS[name].target else ""
        lines.append(f'<path d="M{EDGE} {y:.1f}H{right}" stroke="#ccc"{dash}/>')
        if value != TASKS[name].target:
            lines.append(f'<text x="{EDGE - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{value:g}</text>')
    longest = max(len(one["curve"]) for one in found.values())
    for colour, one in zip(COLOURS * len(found), found.values(), strict=False):
        points = [
            f"{EDGE + i * (right - EDGE) / max(longest - 1, 1):.1f} {low - v * (low - top):.1f}"
            for i, v in enumerate(one["curve"])
        ]
        lines.append(f'<path d="M{"L".join(points)}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    lines.append(f'<text x="{EDGE}" y="{HIGH - 14}" fill="#555">iteration 1 to {longest}</text>')
    return "\n".join(lines)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--set", dest="overrides", action="append", default=[], help="KEY=VALUE of the runs")
    parser.add_argument("--dry", action="store_true", help="print the results and write nothing")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the tasks, and writes the results, the plugin's table and the curves."""
    wanted = parse(arguments)
    results: dict[str, dict[str, Any]] = {name: {} for name in wanted.tasks}
    for name in wanted.tasks:
        for seed in wanted.seeds:
            with tempfile.TemporaryDirectory() as folder:
                found = learn(name, seed, Path(folder), wanted.overrides)
            results[name][str(seed)] = found
            print(f"{name}, seed {seed}: {found['before']:.3f} -> {found['after']:.3f}", flush=True)
    print(markdown(results))
    if wanted.dry:
        return
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    put(PLUGIN / "README.md", "learning", markdown(results))
    (PLUGIN / "learning.svg").write_text(drawing(results), encoding="utf-8")


if __name__ == "__main__":
    main()

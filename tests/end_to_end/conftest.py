"""The whole program in this process: the real plugins, a tiny model, a few rows of data, and no network."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import pytest
from dressage.testing import tiny_model

YAML = """\
version: 1
seed: 0
model: {base: model, device: cpu, dtype: float32, adapter: {r: 4, layers: 2}}
data:
  demonstrations: demonstrations.jsonl
  comparisons: comparisons.jsonl
  prompts: prompts.jsonl
filters:
  - exact-duplicates
  - {use: pii, with: {action: redact}}
  - {use: by-score, with: {source: profanity, drop_above: 0.5}}
stages:
  - {use: sft, epochs: 1, update: {batch: 4}}
  - use: ppo
    iterations: 3
    rollout: {prompts: 4, samples: 2, max_new_tokens: 8}
    update: {epochs: 2, minibatches: 2}
    select: {every: 1, metric: length.validation.words, mode: max}
    rewards:
      - {use: reward-model, weight: 1.0}
      - {use: profanity, weight: 1.0}
      - {use: pattern, weight: 0.5, with: {patterns: ["[a-e]"]}}
      - {use: length, weight: 0.0}
evaluate:
  samples: 2
  resamples: 50
  sets: {held: held.jsonl, validation: validation.jsonl}
  measures: [length, {use: toxicity, with: {source: profanity}, on: [held]}, profane-words, perplexity, refusal]
gate: {length.held.words: {max: 1000}}
"""

ONLINE = """\
seed: 0
model: {base: model, device: cpu, dtype: float32, adapter: {r: 4, layers: 2}}
data: {prompts: prompts.jsonl}
stages:
  - use: ppo
    iterations: 6
    rollout: {prompts: 4, max_new_tokens: 6}
    rewards: [{use: python, with: {function: "rewards.py:reward", per: batch}}]
evaluate:
  resamples: 50
  sets: {held: held.jsonl}
  measures: [length]
"""


class Answer(NamedTuple):
    """What a call of the command line gave."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        """The lines that say what was wrong."""
        return [line for line in self.err.splitlines() if line.startswith("error: ")]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Small operations on two threads are many times slower on a busy machine."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="module")
def connections() -> Iterator[list[Any]]:
    """Refuses every connection that is not local to the machine's own files, and notes it."""
    tried: list[Any] = []

    def refuse(sock: socket.socket, address: Any) -> None:
        if sock.family == socket.AF_UNIX:
            return originals["connect"](sock, address)
        tried.append(address)
        raise OSError(101, "Network is unreachable")

    def unknown(host: Any, *rest: Any, **more: Any) -> Any:
        tried.append(host)
        raise socket.gaierror(-2, "Name or service not known")

    originals = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex")}
    with pytest.MonkeyPatch.context() as patch:
        for name in originals:
            patch.setattr(socket.socket, name, refuse)
        patch.setattr(socket, "getaddrinfo", unknown)
        yield tried


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama with a chat template."""
    return tiny_model(tmp_path_factory.mktemp("models") / "llama")


def dressage(*arguments: object) -> Answer:
    import torch
    from dressage.cli.main import main

    torch.seed()  # as in a fresh process: nothing may hang on what ran before
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return Answer(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def call() -> Callable[..., Answer]:
    """Runs `dressage ARGUMENTS` in this process."""
    return dressage


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(scope="session")
def workplace(model: Path) -> Callable[[Path], Path]:
    """Fills a folder with a model, data, and two YAML files: a whole run, and an online stage alone."""

    def fill(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model").symlink_to(model, target_is_directory=True)
        rows = [{"prompt": f"What is {n} and {n}?", "response": f"It is {2 * n}."} for n in range(12)]
        faults = [rows[0], {"prompt": "Who?", "response": "You are a fucking idiot."},
                  {"prompt": "Where?", "response": "Write to jane.doe@example.com."}]  # fmt: skip
        write_rows(folder / "demonstrations.jsonl", rows + faults)
        pairs = [{"prompt": f"Greet guest {n}.", "chosen": "Welcome!", "rejected": "Go away."} for n in range(20)]
        write_rows(folder / "comparisons.jsonl", pairs)
        write_rows(folder / "prompts.jsonl", [{"text": f"The dog number {n} said that"} for n in range(8)])
        write_rows(folder / "held.jsonl", [{"text": f"A cat number {n} wrote that"} for n in range(6)])
        write_rows(folder / "validation.jsonl", [{"prompt": f"What is cow number {n}?"} for n in range(4)])
        (folder / "run.yaml").write_text(YAML, encoding="utf-8")
        (folder / "online.yaml").write_text(ONLINE, encoding="utf-8")
        (folder / "rewards.py").write_text("def reward(batch):\n    return [float(len(r)) for r in batch.responses]\n")
        return folder

    return fill


@pytest.fixture
def place(workplace: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Such a folder, to work in."""
    monkeypatch.chdir(workplace(tmp_path / "place"))
    monkeypatch.setenv("DRESSAGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DRESSAGE_TRACEBACK", raising=False)
    return Path()

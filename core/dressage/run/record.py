"""The run folder: what was asked, what happened, what came out."""

from __future__ import annotations

import errno
import json
import math
import os
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from time import monotonic
from typing import Any

from dressage.run.evaluation import Answers, Evaluation
from dressage.spec.errors import MachineError
from dressage.spec.plan import Plan
from dressage.spec.types import Prompt, Values

LIBRARIES = ("torch", "transformers", "peft", "bitsandbytes", "numpy", "pydantic", "pluggy", "safetensors")
FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turns a full disk or a folder that cannot be written into a `MachineError`."""
    full = f"{folder}: no space left on the disk; free some and go on with --resume"
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise MachineError(full) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
            raise MachineError(f"{folder}: cannot be written ({error.strerror}); give another --run-dir") from error
        raise
    except Exception as error:  # of safetensors and tokenizers, which have the system's number in their text alone
        if any(f"os error {number})" in str(error) for number in FULL):
            raise MachineError(full) from error
        raise


class RunFolder:
    """Writes the files of a run; JSON lines are appended at once, so that nothing is lost."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seconds: dict[str, float] = {}
        """By phase that has ended, of all processes of the run."""
        self._begun: dict[str, float] = {}
        with writing(path):
            path.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, text: str) -> None:
        """A whole file, by way of a temporary one."""
        with writing(self.path):
            aside = self.path / f".{name}.part"
            aside.write_text(text, encoding="utf-8")
            aside.replace(self.path / name)

    def write_json(self, name: str, value: Any) -> None:
        """A JSON file; numbers that JSON does not know become null."""
        self.write(name, json.dumps(plain(value), indent=1, ensure_ascii=False) + "\n")

    def append(self, name: str, row: Mapping[str, Any]) -> None:
        """A line of a JSON lines file."""
        with writing(self.path), (self.path / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(plain(row), ensure_ascii=False) + "\n")

    def lines(self, name: str) -> int:
        """How many lines a file has."""
        path = self.path / name
        if not path.exists():
            return 0
        with path.open(encoding="utf-8") as file:
            return sum(1 for _ in file)

    def cut(self, name: str, lines: int) -> None:
        """Cuts a file back to its first lines, as they were at a checkpoint."""
        path = self.path / name
        if path.exists():
            self.write(name, "".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:lines]))

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Adds the seconds inside to a phase."""
        self._begun[name] = monotonic()
        try:
            yield
        finally:
            self.seconds = self.elapsed(name)
            del self._begun[name]

    def elapsed(self, *phases: str) -> dict[str, float]:
        """Seconds by phase, with those of some phases that go on, by default of all that do."""
        now = monotonic()
        going = {name: now - self._begun[name] for name in phases or self._begun}
        return self.seconds | {name: self.seconds.get(name, 0.0) + spent for name, spent in going.items()}

    def add_seconds(self, earlier: Mapping[str, float]) -> None:
        """Takes in what an earlier process of the run spent."""
        for name, spent in earlier.items():
            self.seconds[name] = self.seconds.get(name, 0.0) + spent


def environment(plan: Plan, device: str, dtype: str) -> dict[str, Any]:
    """Versions, device, plugins and the YAML as read."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "dressage": metadata.version("dressage"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": versions,
        "device": device,
        "dtype": dtype,
        "cpus": os.cpu_count(),
        "plugins": [
            {"distribution": p.distribution, "version": p.version, "state": p.state, "components": list(p.components)}
            for p in plan.plugins
        ],
        "folder": str(plan.folder.resolve()),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "yaml": plan.source,
    }


def sample_rows(evaluation: Evaluation, stages: Sequence[str]) -> Iterator[dict[str, Any]]:
    """One row a prompt: replies before, after each stage and after, with each per-reply score."""
    results = evaluation.results
    times = [when for when in ("before", *stages) if when in results]
    if not times:
        return
    for name, first in results[times[0]].items():
        count = evaluation.plan.settings.samples
        for start in range(0, len(first.batch), count):
            rows = range(start, start + count)
            replies = {when: [results[when][name].batch.responses[i] for i in rows] for when in times}
            yield {
                "set": name,
                "prompt": prompt_values(first.batch.prompts[start]),
                "columns": dict(first.batch.prompts[start].columns),
                "before": replies.get("before", []),
                "stages": {when: replies[when] for when in times if when != "before"},
                "after": replies[times[-1]],
                "scores": _scores(results[times[0]][name], results[times[-1]][name], rows),
            }


def _scores(before: Answers, after: Answers, rows: Sequence[int]) -> dict[str, Any]:
    found = {}
    for measure, metrics in before.measures.items():
        for metric, values in metrics.items():
            later = after.measures.get(measure, {}).get(metric)
            if isinstance(values, Values) and isinstance(later, Values):
                pair = {"before": [values.values[i] for i in rows], "after": [later.values[i] for i in rows]}
                if any(v is not None for side in pair.values() for v in side):
                    found[f"{measure}.{metric}"] = pair
    return found


def prompt_values(prompt: Prompt) -> dict[str, Any]:
    """What is asked, as plain values."""
    if prompt.text is not None:
        return {"text": prompt.text}
    return {"messages": [{"role": m.role, "content": m.content} for m in prompt.messages]}


def plain(value: Any) -> Any:
    """JSON's own types: numbers that are not finite become None, tuples lists, paths text."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int | bool) else str(value)

"""How an iteration's time and memory grow with the batch, the replies' length and the model.

    python -m benchmarks.growth

The work is P1's (random weights, LoRA on all layers, 4 epochs of 4 minibatches, a reward model of the policy's size),
one thing changed at a time. Each point is a process of its own: the median of the iterations after the first, and the
peak of resident memory.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.iteration import PAGE
from benchmarks.markers import put
from benchmarks.worker import ROOT, Worker
from benchmarks.works import MICROBATCH, Work, engine_run, write_model

RESULTS = ROOT / "benchmarks" / "results" / "growth.json"
SMALL, MIDDLE, LARGE = (1024, 192, 4, 6, 512), (4096, 384, 6, 6, 1024), (4096, 512, 8, 8, 1408)
BATCH, NEW = 64, 64
POINTS: Mapping[str, Sequence[tuple[str, tuple[int, ...], int, int]]] = {
    "batch": [(f"{batch} replies", MIDDLE, batch, NEW) for batch in (32, 64, 128)],
    "length": [(f"{new} new tokens", MIDDLE, BATCH, new) for new in (32, 64, 128)],
    "model": [(name, shape, BATCH, NEW) for name, shape in (("2.0 M", SMALL), ("12 M", MIDDLE), ("28 M", LARGE))],
}
"""What grows: a label, the model's shape, replies an iteration, new tokens a reply."""


def point(shape: tuple[int, ...], batch: int, new: int, repeats: int) -> dict[str, Any]:
    """Seconds of an iteration by phase, and the peak of memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_model(folder / "model", shape)
        work = Work("growth", "", new, 1.0, shape=shape)  # type: ignore[arg-type]
        run = engine_run(work, folder, repeats + 1, batch)
        settings = {
            "side": "engine", "run": run, "stops": False, "layers": None, "microbatch": MICROBATCH, "prompts": batch,
            "iterations": repeats + 1,
        }  # fmt: skip
        worker = Worker([sys.executable, "-m", "benchmarks.side", json.dumps(settings)])
        try:
            turns = [worker.iterate() for _ in range(repeats + 1)][1:]
        finally:
            worker.close()
    return {
        "seconds": statistics.median(sum(turn["seconds"].values()) for turn in turns),
        "peak_bytes": max(turn["peak_bytes"] for turn in turns),
    }


def markdown(results: Mapping[str, Any]) -> str:
    """The results as the page has them: each figure, and how many times the row's first."""
    lines = ["| what grows | | seconds | times | peak memory | times |", "|---|---|---|---|---|---|"]
    for name, found in results["points"].items():
        first = found[0]
        for one in found:
            growth = [one[key] / first[key] for key in ("seconds", "peak_bytes")]
            size = f"{one['peak_bytes'] / 1e9:.2f} GB"
            lines.append(
                f"| {name} | {one['label']} | {one['seconds']:.2f} | {growth[0]:.2f} | {size} | {growth[1]:.2f} |"
            )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures, and writes the results and the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--dry", action="store_true", help="print the results and write nothing")
    wanted = parser.parse_args(arguments)
    os.environ["PYTHONWARNINGS"] = "ignore"
    known: dict[tuple[Any, ...], dict[str, Any]] = {}
    points: dict[str, list[dict[str, Any]]] = {}
    for name, rows in POINTS.items():
        for label, *what in rows:
            key = tuple(what)
            if key not in known:
                known[key] = point(*key, wanted.repeats)
            points.setdefault(name, []).append({"label": label, **known[key]})
            print(f"{name}, {label}: {points[name][-1]['seconds']:.2f} s", file=sys.stderr, flush=True)
    results = {"machine": machine.describe(), "repeats": wanted.repeats, "points": points}
    print(markdown(results))
    if wanted.dry:
        return
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    put(PAGE, "growth", markdown(results))


if __name__ == "__main__":
    main()

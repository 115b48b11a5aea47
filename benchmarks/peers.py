"""The engine beside TRL's PPOTrainer at its best, on the same work: works P1-small, P1-medium and P2.

    make peers
    python -m benchmarks.peers --works P1-small P1-medium P2

Each side has a process of its own, TRL's in an environment of its own (`.peers`), and they take turns; the first turn
of each is not counted. Ratios are of medians. Both have LoRA r 16 on q, k, v and o of all layers, 64 prompts an
iteration, 4 epochs of 4 minibatches of 16, a KL penalty and a value function.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.bars import bars
from benchmarks.iteration import PAGE, ROOT
from benchmarks.markers import put
from benchmarks.work import PHASES
from benchmarks.worker import Worker
from benchmarks.works import BATCH, MICROBATCH, PRECISIONS, WORKS, Work, engine_run, peer_settings, write_model

RESULTS = ROOT / "benchmarks" / "results" / "peers.json"
PLOT = ROOT / "docs" / "images" / "peers.svg"
PEER = ROOT / ".peers" / "bin" / "python"


def measure(
    work: Work, repeats: int, peer: Path, precisions: Sequence[str], about: Mapping[str, Any]
) -> dict[str, Any]:
    """The engine, and the peer in each number format, in turn; the peer's fastest counts."""
    iterations = repeats + 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if work.shape is not None:
            write_model(folder / "model", work.shape)
        settings = {
            "side": "engine", "run": engine_run(work, folder, iterations), "stops": work.shape is None, "layers": None,
            "microbatch": MICROBATCH, "prompts": BATCH, "iterations": iterations,
        }  # fmt: skip
        model, prompts = _peers_model(settings, folder)
        workers = {"engine": Worker([sys.executable, "-m", "benchmarks.side", json.dumps(settings)])}
        for precision in precisions:
            wanted = json.dumps(peer_settings(work, precision, model, prompts, folder / precision, iterations))
            workers[precision] = Worker([str(peer), str(ROOT / "benchmarks" / "peer_trl.py"), wanted])
        turns: dict[str, list[dict[str, Any]]] = {side: [] for side in workers}
        try:
            for number in range(iterations):
                for side, worker in workers.items():
                    turn = worker.iterate()
                    seconds = turn["seconds"]
                    turn["total"] = sum(seconds.values()) if isinstance(seconds, dict) else seconds
                    kept = "" if number else " (warm-up, not counted)"
                    print(f"{work.name}, {side}: {turn['total']:.1f} s{kept}", file=sys.stderr, flush=True)
                    if number:
                        turns[side].append(turn)
            return {"peer": workers[precisions[0]].about, **summary(turns, about, workers["engine"].about["dtype"])}
        finally:
            for worker in workers.values():
                worker.close()


def _peers_model(settings: Mapping[str, Any], folder: Path) -> tuple[Path | str, list[list[int]]]:
    """The folder of the base, and the run's prompts as tokens: asked of a process, whose memory then is free again."""
    code = "import json, sys; from benchmarks.side import asked; print(json.dumps(asked(json.loads(sys.argv[1]))))"
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(settings)], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    return found["place"], found["prompts"]


def summary(turns: Mapping[str, Sequence[Mapping[str, Any]]], about: Mapping[str, Any], dtype: str) -> dict[str, Any]:
    """Medians of both sides, their ratio, the engine's phases and shares of the machine's peak."""
    medians = {side: statistics.median(turn["total"] for turn in found) for side, found in turns.items()}
    ours = medians.pop("engine")
    precision = min(medians, key=medians.__getitem__)
    theirs = medians[precision]
    turns = {"engine": turns["engine"], "peer": turns[precision]}
    memory = {side: max(turn["peak_bytes"] for turn in found) for side, found in turns.items()}
    peak = about["gflops"][dtype] * 1e9
    phases = {phase: statistics.median(turn["seconds"][phase] for turn in turns["engine"]) for phase in PHASES}
    shares = {
        phase: statistics.median(t["operations"][phase] / t["seconds"][phase] / peak for t in turns["engine"])
        for phase in PHASES
    }
    return {
        "seconds": {"engine": ours, "peer": theirs},
        "totals": {side: [turn["total"] for turn in found] for side, found in turns.items()},
        "precision": precision,
        "tried": medians,
        "ratio": theirs / ours,
        "peak_bytes": memory,
        "memory_share": memory["engine"] / memory["peer"],
        "phases": phases,
        "share_of_peak": shares,
        "dtype": dtype,
    }


def markdown(results: Mapping[str, Any]) -> str:
    """The results as the page has them."""
    about = results["machine"]
    peaks = ", ".join(f"{rate:.0f} GFLOP/s in {name}" for name, rate in about["gflops"].items())
    lines = [
        f"{about['cpu']}, {about['threads']} threads; matrix products of 1024: {peaks}.", "",
        "| work | Dressage | TRL | times as long | to reach | peak memory | TRL's | share | to reach |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, found in results["works"].items():
        work = WORKS[name]
        most = "" if work.memory is None else f"at most {work.memory:.0%}, {_met(found['memory_share'] <= work.memory)}"
        cells = [
            f"{name} ({work.what})", f"{found['seconds']['engine']:.1f} s",
            f"{found['seconds']['peer']:.1f} s ({found['precision']})",
            f"**{found['ratio']:.1f}**", f"{work.faster:g}, {_met(found['ratio'] >= work.faster)}",
            f"{found['peak_bytes']['engine'] / 1e9:.2f} GB", f"{found['peak_bytes']['peer'] / 1e9:.2f} GB",
            f"{found['memory_share']:.0%}", most,
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| work | format | sampling | scoring | update |", "|---|---|---|---|---|"]
    for name, found in results["works"].items():
        parts = [f"{found['phases'][p]:.2f} s ({found['share_of_peak'][p]:.0%})" for p in PHASES]
        lines.append(f"| {name} | {found['dtype']} | {' | '.join(parts)} |")
    versions = next(iter(results["works"].values()))["peer"]
    used = ", ".join(f"{library} {version}" for library, version in versions.items())
    lines += ["", f"{used}. Medians of {results['repeats']}; of TRL the fastest number format, of:"]
    lines += ["", "| work | " + " | ".join(PRECISIONS) + " |", "|---|" + "---|" * len(PRECISIONS)]
    for name, found in results["works"].items():
        tried = [f"{found['tried'][p]:.1f} s" if p in found["tried"] else "" for p in PRECISIONS]
        lines.append(f"| {name} | {' | '.join(tried)} |")
    return "\n".join(lines)


def _met(reached: bool) -> str:
    return "met" if reached else "**not met**"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--works", nargs="+", choices=list(WORKS), default=list(WORKS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS, help="of the peer")
    parser.add_argument("--peer", type=Path, default=PEER, help="the Python of the peer's environment")
    parser.add_argument("--dry", action="store_true", help="print the results and write nothing")
    wanted = parser.parse_args(arguments)
    if not wanted.peer.exists():
        parser.error(f"{wanted.peer}: there is no such environment; `make peers` makes one")
    return wanted


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures, and writes the results and the page."""
    wanted = parse(arguments)
    os.environ["PYTHONWARNINGS"] = "ignore"
    about = machine.describe()
    works = {name: measure(WORKS[name], wanted.repeats, wanted.peer, wanted.precisions, about) for name in wanted.works}
    results = {"machine": about, "repeats": wanted.repeats, "works": works}
    print(markdown(results))
    if wanted.dry:
        return
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    put(PAGE, "peers", markdown(results))
    pairs = [(name, found["seconds"]["engine"], found["seconds"]["peer"]) for name, found in works.items()]
    PLOT.write_text(bars(pairs, names=("Dressage", "TRL")), encoding="utf-8")


if __name__ == "__main__":
    main()

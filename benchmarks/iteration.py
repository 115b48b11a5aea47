"""One PPO iteration on SmolLM2-135M: the engine beside a plain peft-and-autocast loop of the same run.

    python -m benchmarks.iteration
    python -m benchmarks.iteration --prompts 4 --new-tokens 6 --repeats 1 --dry

Each side has a process of its own, and they take turns (A B A B ...): on a shared machine absolute seconds mean
little, ratios of medians more. The first turn of each is not counted. All do the same run: the same base weights,
prompts and reward, LoRA r 16, one epoch of one optimizer step over microbatches of 16, a KL penalty, a value head.

- `engine`       Dressage: adapters on the last 10 layers
- `plain`        peft on all layers, as one writes it without thinking about speed
- `plain-last`   the same loop with peft on the last 10 layers: what the choice of layers alone saves
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import machine
from benchmarks.markers import put
from benchmarks.work import PHASES
from benchmarks.worker import ROOT, Worker

RESULTS = ROOT / "benchmarks" / "results" / "iteration.json"
PAGE = ROOT / "docs" / "benchmarks.md"
SIDES = ("engine", "plain", "plain-last")
NAMES = {
    "engine": "Dressage, last {layers} layers",
    "plain": "plain loop, all layers",
    "plain-last": "plain loop, last {layers} layers",
}


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """All sides in turn, with the machine's own limits measured in the same run."""
    settings = {
        "base": arguments.base, "prompts": arguments.prompts, "new_tokens": arguments.new_tokens, "microbatch": 16,
        "iterations": arguments.repeats + 1, "reward": arguments.reward,
    }  # fmt: skip
    about = machine.describe()
    workers: dict[str, Worker] = {}
    turns: dict[str, list[dict[str, Any]]] = {side: [] for side in arguments.sides}
    try:
        for side in arguments.sides:
            layers = None if side == "plain" else arguments.layers
            given = json.dumps({**settings, "side": side.partition("-")[0], "layers": layers})
            workers[side] = Worker([sys.executable, "-m", "benchmarks.side", given])
        for number in range(arguments.repeats + 1):
            for side, worker in workers.items():
                turn = worker.iterate()
                seconds = sum(turn["seconds"].values())
                print(f"{side}: {seconds:.1f} s{'' if number else ' (warm-up, not counted)'}", file=sys.stderr)
                if number:
                    turns[side].append(turn)
        sides = {side: workers[side].about | summary(turns[side], about) for side in workers}
    finally:
        for worker in workers.values():
            worker.close()
    return {
        "machine": about,
        "settings": settings | {"layers": arguments.layers, "repeats": arguments.repeats},
        "sides": sides,
        "ratios": ratios(sides),
        "help_seconds": machine.start_seconds("--help"),
    }


def summary(turns: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> dict[str, Any]:
    """A side's medians: seconds by phase and in all, share of the machine's peak, tokens; and its highest memory."""
    seconds = {phase: statistics.median(turn["seconds"][phase] for turn in turns) for phase in PHASES}
    whole = [sum(turn["seconds"].values()) for turn in turns]
    peak = about["gflops"][about["dtype"]] * 1e9
    shares = {
        phase: statistics.median(turn["operations"][phase] / turn["seconds"][phase] / peak for turn in turns)
        for phase in PHASES
    }
    return {
        "seconds": seconds | {"total": statistics.median(whole)},
        "totals": whole,
        "share_of_peak": shares,
        "prompt_tokens": statistics.median(turn["prompt_tokens"] for turn in turns),
        "new_tokens": statistics.median(turn["new_tokens"] for turn in turns),
        "peak_bytes": max(turn["peak_bytes"] for turn in turns),
    }


def ratios(sides: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """How many times as long each other side takes, by phase and in all: ratios of medians."""
    ours = sides["engine"]["seconds"]
    return {
        side: {phase: found["seconds"][phase] / ours[phase] for phase in (*PHASES, "total")}
        for side, found in sides.items()
        if side != "engine"
    }


def markdown(results: Mapping[str, Any]) -> str:
    """The results as the page has them."""
    about, settings = results["machine"], results["settings"]
    peaks = ", ".join(f"{rate:.0f} GFLOP/s in {name}" for name, rate in about["gflops"].items())
    lines = [
        f"{about['cpu']}, {about['threads']} threads; matrix products of 1024: {peaks}. torch {about['torch']},"
        f" transformers {about['transformers']}, Python {about['python']}.",
        "",
        f"One iteration of {settings['prompts']} prompts and at most {settings['new_tokens']} new tokens on"
        f" `{settings['base']}` ({about['dtype']}), medians of {settings['repeats']} in turn:",
        "",
        "| | sampling | scoring | update | in all | times as long | peak memory | tokens |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(side, found, results) for side, found in results["sides"].items()]
    lines += ["", "Seconds; in brackets the share of the machine's peak in that format.", ""]
    lines.append(f"`dressage --help` takes {results['help_seconds']:.2f} s from start to end.")
    return "\n".join(lines)


def _row(side: str, found: Mapping[str, Any], results: Mapping[str, Any]) -> str:
    phases = [f"{found['seconds'][p]:.1f} ({100 * found['share_of_peak'][p]:.0f} %)" for p in PHASES]
    slower = results["ratios"].get(side, {}).get("total", 1.0)
    name = NAMES[side].format(layers=results["settings"]["layers"])
    cells = [name, *phases, f"{found['seconds']['total']:.1f}", f"{slower:.1f}", f"{found['peak_bytes'] / 1e9:.1f} GB"]
    return f"| {' | '.join(cells)} | {found['prompt_tokens']:.0f} + {found['new_tokens']:.0f} |"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--base", default="smollm2-135m")
    parser.add_argument("--reward", default="profanity")
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--new-tokens", type=int, default=24)
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    parser.add_argument("--dry", action="store_true", help="print the results and write nothing")
    wanted = parser.parse_args(arguments)
    if "engine" not in wanted.sides or wanted.repeats < 1:
        parser.error("the engine is what the others are compared with, and something must be repeated")
    return wanted


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures, and writes the results and the page."""
    wanted = parse(arguments)
    results = measure(wanted)
    print(markdown(results))
    if wanted.dry:
        return
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if not put(PAGE, "iteration", markdown(results)):
        print(f"{PAGE.relative_to(ROOT)} has no iteration markers; the table is in {RESULTS.relative_to(ROOT)} alone")


if __name__ == "__main__":
    main()

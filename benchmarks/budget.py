"""The memory budget beside what runs take: random weights of several shapes, each run in a process of its own.

    python -m benchmarks.budget                  all shapes, into docs/benchmarks.md and benchmarks/results/budget.json
    python -m benchmarks.budget --shapes narrow  some of them, printed alone

Of each shape it gives the estimate, the measured peak of resident memory (both with and without what Python and its
libraries take), and the error. The shapes in `SEEN` are those that the formulas were checked against; the others were
not looked at. Each is run twice: with the C library told to return what is freed (MALLOC_MMAP_THRESHOLD_ and
MALLOC_TRIM_THRESHOLD_), which shows the run's own need, and as a run does by default, which keeps what is freed for the
next tensor. The exit code is 1 where either estimate of a shape that was not seen is off by more than 15 %.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.markers import put

ROOT = Path(__file__).resolve().parents[1]
RESULTS, PAGE = ROOT / "benchmarks" / "results" / "budget.json", ROOT / "docs" / "benchmarks.md"
BOUND = 0.15
"""The error that is allowed."""
SEEN = ("calibration", "narrow")
KEYS = ("hidden", "inner", "depth", "heads", "kv_heads", "layers", "microbatch")
SHAPES: Mapping[str, Mapping[str, int]] = {
    name: dict(zip(KEYS, numbers, strict=True))
    for name, numbers in {
        "calibration": (512, 1408, 12, 8, 4, 6, 16),
        "narrow": (256, 704, 16, 8, 8, 16, 16),
        "wide": (768, 2048, 6, 12, 4, 3, 8),
        "deep": (384, 1024, 20, 6, 2, 8, 12),
        "small": (320, 1280, 10, 5, 5, 5, 10),
    }.items()
}
VOCABULARY, PROMPT, NEW, PROMPTS = 16000, 60, 48, 32


def yaml_of(shape: Mapping[str, int]) -> dict[str, Any]:
    """One iteration of PPO with a rule as its reward: nothing beside the model takes memory."""
    return {
        "model": {
            "base": "./model",
            "device": "cpu",
            "dtype": "float32",
            "adapter": {"r": 16, "layers": shape["layers"]},
        },
        "data": {"prompts": "prompts.jsonl"},
        "stages": [
            {
                "use": "ppo",
                "iterations": 1,
                "rollout": {"prompts": PROMPTS, "max_new_tokens": NEW},
                "update": {"microbatch": shape["microbatch"]},
                "rewards": ["length"],
            }
        ],
    }


def prepare(folder: Path, shape: Mapping[str, int]) -> None:
    """Writes a model of random weights, its tokenizer, and prompts of one length."""
    import torch
    from dressage.testing.model import tiny_tokenizer
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = tiny_tokenizer("llama")
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=shape["hidden"], intermediate_size=shape["inner"],
        num_hidden_layers=shape["depth"], num_attention_heads=shape["heads"], num_key_value_heads=shape["kv_heads"],
        max_position_embeddings=1024, tie_word_embeddings=False, **ids,
    )  # fmt: skip
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    rows = ({"text": f"{n:02d}" + "?" * PROMPT} for n in range(PROMPTS))
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def one(folder: Path, name: str) -> dict[str, Any]:
    """In a fresh process: the estimate, then the run, then its peak of resident memory."""
    import torch
    from dressage.api import Run
    from dressage.run.budget import budget_of
    from dressage.run.budget import prepare as prepared
    from dressage.run.devices import peak_bytes

    torch.set_num_threads(1)
    run = Run.from_dict(yaml_of(SHAPES[name]), folder=folder)
    work, _ = prepared(run.check(), cache=folder / "cache")
    budget = budget_of(work)
    run.run(folder / "run")
    peak, process = peak_bytes(torch.device("cpu")), budget.machine.process
    return {
        "phase": budget.largest.name,
        "estimated": budget.peak,
        "measured": peak,
        "process": process,
        "error": budget.peak / peak - 1,
        "error_without_process": (budget.peak - process) / (peak - process) - 1,
    }


def measure(name: str, *, keep_freed: bool = False) -> dict[str, Any]:
    """One shape: its files are made by one process, estimated and run by the next."""
    with tempfile.TemporaryDirectory() as folder:
        for step in ("prepare", "run"):
            command = [sys.executable, "-m", "benchmarks.budget", f"--{step}", folder, "--shapes", name]
            allocator = {} if keep_freed else {"MALLOC_MMAP_THRESHOLD_": "262144", "MALLOC_TRIM_THRESHOLD_": "262144"}
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **allocator}
            done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
            if done.returncode:
                raise SystemExit(f"{name}: {step} failed\n{done.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """The rows as Markdown."""
    names = ("shape", "largest phase", "estimate", "measured", "error", "error without Python",
             "estimate, by default", "measured", "error")  # fmt: skip
    lines = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    for row in found:
        told, kept = row["returned"], row["kept"]
        errors = [_percent(told["error"]), _percent(told["error_without_process"])]
        cells = (row["shape"], told["phase"], *_sizes(told), *errors, *_sizes(kept), _percent(kept["error"]))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _sizes(found: Mapping[str, Any]) -> tuple[str, str]:
    return f"{found['estimated'] / 1e9:.2f} GB", f"{found['measured'] / 1e9:.2f} GB"


def _percent(share: float) -> str:
    return f"{100 * share:+.1f} %"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, and judges."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", nargs="*", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--prepare", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.prepare:
        prepare(options.prepare, SHAPES[options.shapes[0]])
        return 0
    if options.run:
        print(json.dumps(one(options.run, options.shapes[0])))
        return 0
    found = [
        {"shape": name, "returned": measure(name), "kept": measure(name, keep_freed=True)} for name in options.shapes
    ]
    print(table(found))
    if len(found) == len(SHAPES):
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        put(PAGE, "budget", table(found))
    unseen = [row[how]["error"] for row in found if row["shape"] not in SEEN for how in ("returned", "kept")]
    return int(any(abs(error) > BOUND for error in unseen))


if __name__ == "__main__":
    sys.exit(main())

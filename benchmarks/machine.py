"""The machine that a figure was measured on, and how fast it multiplies matrices."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SIZE = 1024
"""The matrices' side."""


def describe() -> dict[str, Any]:
    """Processor, cores, threads, library versions, and the peak of matrix products in GFLOP/s by number format."""
    import torch
    import transformers
    from dressage.run.devices import choose_dtype

    device = torch.device("cpu")
    return {
        "cpu": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "dtype": str(choose_dtype("auto", device)).removeprefix("torch."),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "gflops": {name: round(product_rate(name), 1) for name in ("float32", "bfloat16")},
    }


def processor() -> str:
    """The processor's name and the instructions that matter here."""
    lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines() if Path("/proc/cpuinfo").exists() else []
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = set(fields.get("flags", fields.get("Features", "")).split())
    known = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    name = fields.get("model name") or platform.processor() or platform.machine()
    return f"{name} ({', '.join(known)})" if known else name


def product_rate(dtype: str, *, size: int = SIZE, seconds: float = 1.5) -> float:
    """The best rate of `size` x `size` products seen within some seconds, in GFLOP/s."""
    import torch

    left, right = (torch.randn(size, size).to(getattr(torch, dtype)) for _ in range(2))
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        torch.mm(left, right)
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e9


def start_seconds(*arguments: str, times: int = 5) -> float:
    """The median time of `python -m dressage ARGUMENTS` from start to end, with bytecode written once before."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = cache
        found = []
        for _ in range(times + 1):
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "dressage", *arguments], env=environment, check=True, stdout=subprocess.DEVNULL
            )
            found.append(time.perf_counter() - start)
    return statistics.median(found[1:])

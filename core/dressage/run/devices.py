"""Which device and number format a run uses, chosen by what the machine does well."""

from __future__ import annotations

import ctypes
import os
import re
import resource
import sys
from pathlib import Path

import torch

from dressage.spec.errors import MachineError

KERNELS = "128"
"""How many compiled kernels oneDNN keeps: those of a step. Its own 1024 are 0.3 GB of shapes that do not come again."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Names of glibc's `mallopt`."""
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_device(wanted: str) -> torch.device:
    """The torch device for `auto`, `cpu`, `cuda[:n]` or `mps`; `MachineError` where it is not there."""
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", 0)
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise MachineError(f"model.device: {wanted!r} is no device; use auto, cpu, cuda, cuda:0 or mps") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise MachineError(
            f"model.device: {wanted!r} asked for, but this machine has {found} CUDA devices; use auto or cpu"
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise MachineError("model.device: 'mps' asked for, but this machine has none; use auto or cpu")
    return device


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the device has native bfloat16 matrix products (elsewhere they are up to 100 times slower)."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        capabilities = torch.backends.cpu.get_cpu_capability()
        flags = _cpu_flags()
        return "AVX512" in capabilities and bool({"avx512_bf16", "amx_bf16"} & flags)
    return False


def choose_dtype(wanted: str, device: torch.device) -> torch.dtype:
    """The base model's number format: as asked, or bfloat16 where it is native and float32 elsewhere."""
    if wanted != "auto":
        return DTYPES[wanted]
    return torch.bfloat16 if multiplies_bfloat16(device) else torch.float32


def describe(device: torch.device) -> str:
    """The device in words."""
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
    return f"{device.type}, {torch.get_num_threads()} threads"


def peak_bytes(device: torch.device) -> int:
    """The most memory used so far: allocated on a GPU, resident elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")  # what getrusage says may be the parent's, as it was when it forked
    if status.exists():
        found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), flags=re.MULTILINE)
        if found is not None:
            return int(found[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def keep_freed_memory() -> None:
    """Has glibc keep what tensors free for the next ones, where it would return it to the system to be zeroed again.

    Page faults are a fifth of a training step on a CPU otherwise. A user's own MALLOC_ settings are left alone. oneDNN
    keeps fewer of the kernels that it compiles, one for each shape: a step's batches have shapes of their own.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", KERNELS)
    if not keeps_freed_memory():
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 32 * 2**20)  # the highest that it takes
        mallopt(M_TRIM_THRESHOLD, 2**30)


def return_freed_memory() -> None:
    """Gives the system back what `keep_freed_memory` kept, where one kind of work ends and another begins."""
    if not keeps_freed_memory():
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
    if trim is not None:
        trim(0)


def keeps_freed_memory() -> bool:
    """Whether the C library is one of Linux, and no user has told it anything."""
    return sys.platform.startswith("linux") and not any(name.startswith("MALLOC_") for name in os.environ)


def _cpu_flags() -> set[str]:
    if not os.path.exists("/proc/cpuinfo"):
        return set()
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith(("flags", "Features")):
                return set(line.split(":", 1)[1].split())
    return set()

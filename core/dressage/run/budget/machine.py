"""What the machine has: the memory of its device, the memory beside it, and what this process holds already."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

import torch

from dressage.run.budget.table import Machine
from dressage.run.devices import DTYPES, choose_device, choose_dtype, keeps_freed_memory
from dressage.spec.errors import MachineError
from dressage.spec.sections import ModelConfig

CONTEXT = 500 * 10**6
"""What CUDA holds on a device for a process beside its tensors: kernels, streams, workspaces."""
HOLES = 0.8
"""Measured on two shapes, 0.5 and 1.1, where freed memory is kept (`devices.keep_freed_memory`)."""
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where a container's limit stands."""


def this_machine(config: ModelConfig) -> Machine:
    """The machine as it is. Raises `MachineError` for a device that is not there."""
    try:
        device = choose_device(config.device)
    except MachineError as error:
        raise MachineError(f"{error}; --memory GB plans for a device that is not here") from None
    dtype = choose_dtype(config.dtype, device)
    host = host_room()
    cuda = device.type == "cuda"
    free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device) if cuda else host
    return Machine(
        device=str(device),
        dtype=str(dtype).removeprefix("torch."),
        size=dtype.itemsize,
        device_room=free,
        host_room=host,
        process=resident_bytes(),
        unified=not cuda,
        context=CONTEXT if cuda else 0,
        holes=_holes(device.type),
    )


def imagined(config: ModelConfig, gigabytes: float) -> Machine:
    """A machine that is not this one: a device with so many GB; a GPU, and bfloat16, unless the YAML says otherwise."""
    kind = "cuda" if config.device == "auto" else config.device
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", kind):
        raise MachineError(f"model.device: {kind!r} is no device; use auto, cpu, cuda, cuda:0 or mps")
    cuda = kind.startswith("cuda")
    name = config.dtype if config.dtype != "auto" else "bfloat16" if cuda else "float32"
    room = int(gigabytes * 1e9)
    return Machine(
        device=kind,
        dtype=name,
        size=DTYPES[name].itemsize,
        device_room=room,
        host_room=None if cuda else room,
        process=resident_bytes(),
        unified=not cuda,
        imagined=True,
        context=CONTEXT if cuda else 0,
        holes=_holes(kind),
    )


def _holes(kind: str) -> float:
    return HOLES if kind == "cpu" and keeps_freed_memory() else 0.0


def host_room() -> int | None:
    """Bytes that this process may use: the machine's memory, or its container's limit; None where neither is told."""
    found = [limit for path in LIMITS if (limit := _limit(path)) is not None]
    with suppress(AttributeError, ValueError, OSError):  # not every system has these names
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(found, default=None)


def resident_bytes() -> int:
    """Bytes of this process that are in memory; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def _limit(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None

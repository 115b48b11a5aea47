"""What a budget says: parts by role, phases by time, and what the machine has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Part:
    """What one role needs for one thing in one phase."""

    role: str
    """`base`, `policy`, `reference`, `value`, the name of a reward, or `run` for what no role has alone."""
    what: str
    bytes: int | None
    """None where it is not known before it is loaded."""
    place: Literal["device", "host"] = "device"


@dataclass(frozen=True)
class Phase:
    """A stretch of a run, and all that stands in memory at its peak."""

    name: str
    parts: tuple[Part, ...]

    def bytes(self, place: str) -> int:
        """The known bytes in one memory."""
        return sum(part.bytes or 0 for part in self.parts if part.place == place)

    @property
    def total(self) -> int:
        """The known bytes in both."""
        return sum(part.bytes or 0 for part in self.parts)


@dataclass(frozen=True)
class Machine:
    """What a run is planned for. `unified`: the device computes in the host's own memory (a CPU, Apple's GPU)."""

    device: str
    dtype: str
    size: int
    """Bytes of a number of the base."""
    device_room: int | None
    """Bytes that the device has for this process; None where that is not known."""
    host_room: int | None
    process: int
    """Bytes that this process holds already: Python and its libraries."""
    unified: bool = True
    imagined: bool = False
    """Whether it is not this machine (`--memory`)."""
    context: int = 0
    """What a GPU's driver holds beside tensors."""
    holes: float = 0.0
    """What the C library keeps of freed memory in which nothing fits, as a share of a pass's short-lived tensors."""


@dataclass(frozen=True)
class Budget:
    """The memory of a run by phase, beside what the machine has."""

    model: str
    architecture: str
    parameters: int
    quantize: str
    machine: Machine
    phases: tuple[Phase, ...]
    notes: tuple[str, ...] = ()

    def need(self, phase: Phase) -> int:
        """Bytes in the memory that the device computes in."""
        fixed = self.machine.process if self.machine.unified else self.machine.context
        return fixed + (phase.total if self.machine.unified else phase.bytes("device"))

    def host(self, phase: Phase) -> int:
        """Bytes in the host's memory beside a device that has its own; 0 where there is but one memory."""
        return 0 if self.machine.unified else self.machine.process + phase.bytes("host")

    @property
    def largest(self) -> Phase:
        """The phase that needs most on the device."""
        return max(self.phases, key=self.need)

    @property
    def peak(self) -> int:
        """The most that is needed on the device at a time."""
        return self.need(self.largest)

    @property
    def host_peak(self) -> int:
        """The most that is needed beside it."""
        return max(map(self.host, self.phases))

    @property
    def over(self) -> int:
        """By how many bytes it does not fit; 0 where it does, or where the room is not known."""
        device = self.peak - self.machine.device_room if self.machine.device_room is not None else 0
        host = self.host_peak - self.machine.host_room if self.machine.host_room is not None else 0
        return max(device, host, 0)

    def as_dict(self) -> Mapping[str, Any]:
        """Plain values, for `--json`."""
        machine = self.machine
        return {
            "model": {
                "base": self.model,
                "architecture": self.architecture,
                "parameters": self.parameters,
                "quantize": self.quantize,
                "dtype": machine.dtype,
            },
            "device": {
                "name": machine.device,
                "room": machine.device_room,
                "host_room": machine.host_room,
                "unified": machine.unified,
                "imagined": machine.imagined,
                "process": machine.process,
                "context": machine.context,
            },
            "phases": [
                {
                    "phase": phase.name,
                    "bytes": self.need(phase),
                    "host_bytes": self.host(phase),
                    "parts": [
                        {"role": p.role, "what": p.what, "bytes": p.bytes, "place": p.place} for p in phase.parts
                    ],
                }
                for phase in self.phases
            ],
            "peak": {"phase": self.largest.name, "bytes": self.peak, "host_bytes": self.host_peak},
            "fits": self.over == 0,
            "notes": list(self.notes),
        }


def shown(count: int | None) -> str:
    """Bytes for a person, in the GB that cards are sold by."""
    if count is None:
        return "not known"
    if count < 10**6:
        return f"{count / 1e3:.1f} kB"
    return f"{count / 1e6:.1f} MB" if count < 10**8 else f"{count / 1e9:.2f} GB"

"""The arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Yaml: TypeAlias = Annotated[Path, typer.Argument(metavar="YAML", help="The YAML file of a run.", show_default=False)]
RunDir: TypeAlias = Annotated[
    Path | None,
    typer.Option("--run-dir", metavar="DIR", help="Where the run is kept. Default: runs/NAME-TIME."),
]
Settings: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Set a key of the YAML, as stages.1.kl.beta=0.1; may be given many times."
    ),
]
Seed: TypeAlias = Annotated[
    int | None, typer.Option("--seed", min=0, metavar="N", help="The run's seed (env: DRESSAGE_SEED).")
]
Device: TypeAlias = Annotated[
    str | None,
    typer.Option("--device", metavar="DEVICE", help="auto, cpu, cuda:0, mps (env: DRESSAGE_DEVICE)."),
]
Memory: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--memory", min=0.01, metavar="GB", help="Plan for a device of so many GB, which need not be in this machine."
    ),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def overrides(settings: Sequence[str] | None, seed: int | None = None, device: str | None = None) -> list[str]:
    """The overrides that the flags make, in the form that the host takes; `--seed` and `--device` come last."""
    made = list(settings or ())
    if seed is not None:
        made.append(f"seed={seed}")
    if device is not None:
        made.append(f"model.device={device}")
    return made

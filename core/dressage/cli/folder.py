"""Which folder a run is kept in, and whether it may be."""

from __future__ import annotations

import os
import tempfile
from datetime import datetime
from pathlib import Path

from dressage.spec.errors import MachineError, UsageError

SETTINGS = frozenset({"config.yaml", "environment.json"})
"""What every run writes first. One that failed right after leaves no more, and its folder may be used again."""
BEGUN = "environment.json"
"""The first of them: all that there is of a run that was killed between the two."""
PROBE, PART = ".writable-", ".part"
"""How files begin and end that a run makes for a moment, and leaves where it is killed then."""


def open_folder(wanted: Path | None, name: str, *, resume: bool = False, yaml: Path | None = None) -> Path:
    """The run folder, made where it is not there; `yaml` is the file that is run, which is not to be written over.

    Raises `UsageError` for a folder that already holds something (or, on resume, nothing), `MachineError` for one
    that cannot be written.
    """
    if resume:
        return _resumed(wanted)
    folder = wanted or _fresh(name)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--run-dir {folder}: is a file; name a folder")
    if folder.is_dir() and not _is_free(folder, yaml):
        raise UsageError(f"--run-dir {folder}: is not empty; go on with it by --resume, or name another folder")
    _check_writable(folder)
    return folder


def _is_free(folder: Path, yaml: Path | None) -> bool:
    names = {path.name for path in folder.iterdir() if not _is_passing(path.name)}
    own = yaml is not None and yaml.exists() and yaml.resolve().parent == folder.resolve()
    return not names or (names == SETTINGS and not own)


def _is_passing(name: str) -> bool:
    return name.startswith(PROBE) or (name.startswith(".") and name.endswith(PART))


def _resumed(wanted: Path | None) -> Path:
    if wanted is None:
        raise UsageError("--resume needs --run-dir: which run shall go on?")
    if not (wanted / BEGUN).is_file():
        raise UsageError(f"--resume: there is no run in {wanted}; leave --resume out to start one")
    _check_writable(wanted)
    return wanted


def _fresh(name: str) -> Path:
    """`runs/NAME-TIME`, counted on where two runs start in one second."""
    first = Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    folder, count = first, 1
    while folder.exists():
        count += 1
        folder = first.with_name(f"{first.name}-{count}")
    return folder


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, probe = tempfile.mkstemp(dir=folder, prefix=PROBE)
        os.close(handle)
        os.unlink(probe)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise MachineError(f"--run-dir {folder}: cannot be written ({reason}); name another folder") from error

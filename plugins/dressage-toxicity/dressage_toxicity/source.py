"""Where a model comes from: a folder, or a hub id whose absence is known within two seconds."""

from __future__ import annotations

import os
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from dressage import Context, ModelError

PATIENCE = 1.0
"""Seconds for a connection to answer; `transformers` alone retries for about 25."""


@dataclass(frozen=True)
class Source:
    """A place that `from_pretrained` takes; `local` where nothing may be fetched."""

    place: str
    local: bool


def locate(name: str, ctx: Context, *, revision: str | None = None) -> Source:
    """The folder `name` (relative to the YAML), or the hub repository of that id, cached or within reach.

    Raises `ModelError` at once where neither exists, rather than after a client's retries.
    """
    folder = ctx.path(name)
    if folder.is_dir():
        return Source(str(folder), local=True)
    if not _is_hub_id(name):
        raise ModelError(f"{ctx.name or 'detector'}: no folder {folder}; give a model folder or a hub id (OWNER/NAME)")
    from huggingface_hub import constants

    if not constants.is_offline_mode() and reachable(constants.ENDPOINT):
        return Source(name, local=False)
    if _is_cached(name, revision):
        return Source(name, local=True)
    reason = "HF_HUB_OFFLINE is set" if constants.is_offline_mode() else f"{constants.ENDPOINT} does not answer"
    raise ModelError(
        f"{ctx.name or 'detector'}: model {name!r} is no folder, is not in the hub cache, and {reason}; "
        "give a local folder, or run once with a network"
    )


def reachable(url: str) -> bool:
    """Whether a server answers at `url`, whatever it says, within two seconds."""
    answer: list[bool] = []

    def ask() -> None:
        try:
            with urlopen(Request(url, method="HEAD"), timeout=PATIENCE):
                answer.append(True)
        except HTTPError:
            answer.append(True)
        except URLError as error:  # a certificate is the real client's business
            answer.append(isinstance(error.reason, ssl.SSLError))
        except (OSError, ValueError):
            answer.append(False)

    # A name server that hangs obeys no socket timeout, so the question is asked in a thread that can be left alone.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(2 * PATIENCE)
    return bool(answer and answer[0])


def weights_file(source: Source, *, revision: str | None = None) -> Path | None:
    """The one-file weights of a model that is already here, or None."""
    if (folder := Path(source.place)).is_dir():
        path = folder / "model.safetensors"
        return path if path.is_file() else None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(source.place, "model.safetensors", revision=revision)
    return Path(found) if isinstance(found, str) else None


def _is_hub_id(name: str) -> bool:
    return not name.startswith((".", "/", "~", os.sep)) and name.count("/") <= 1 and "\\" not in name


def _is_cached(name: str, revision: str | None) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(name, "config.json", revision=revision), str)

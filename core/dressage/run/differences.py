"""Where two settings differ, in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

SHOWN = 3


def differences(was: Any, now: Any, path: str = "") -> list[str]:
    """Where two nested settings differ, as `path was A, is B`."""
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        keys = [*was, *(key for key in now if key not in was)]
        return [
            d for key in keys for d in differences(was.get(key), now.get(key), f"{path}.{key}" if path else str(key))
        ]
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        return [d for i, pair in enumerate(zip(was, now, strict=True)) for d in differences(*pair, f"{path}.{i}")]
    return [] if was == now else [f"{path} was {_short(was)}, is {_short(now)}"]


def shown(found: Sequence[str]) -> str:
    """The first few differences, and how many more there are."""
    return "; ".join(found[:SHOWN]) + (f", and {len(found) - SHOWN} more" if len(found) > SHOWN else "")


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."

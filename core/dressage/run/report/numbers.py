"""Numbers as people read them: true minus signs, shares in per cent, one precision for a value and its interval."""

from __future__ import annotations

import math
from typing import Any

ABSENT = "–"
_MINUS = "−"


def as_float(value: Any) -> float | None:
    """`value` as a finite float; None for anything else (a bool is no number here)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def decimals(value: float, *, digits: int = 3) -> int:
    """How many decimals show `value` with `digits` significant digits; not more than three unless it is tiny."""
    if value == 0:
        return digits - 1
    return min(6 if abs(value) < 0.01 else 3, max(0, digits - 1 - math.floor(math.log10(abs(value)))))


def fixed(value: float, places: int, *, sign: bool = False) -> str:
    """`value` with `places` decimals, thousands separated; never a negative zero."""
    rounded = round(value, places) + 0.0
    text = f"{rounded:+,.{places}f}" if sign and rounded else f"{rounded:,.{places}f}"
    return text.replace("-", _MINUS)


def number(value: Any) -> str:
    """A label's number: at most three significant digits (an integer: all), and no zeros at the end."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}".replace("-", _MINUS)
    finite = as_float(value)
    if finite is None:
        return ABSENT
    if finite and abs(finite) < 1e-4:
        mantissa, exponent = f"{finite:.1e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", _MINUS)
    text = fixed(finite, decimals(finite))
    return text.rstrip("0").rstrip(".") if "." in text else text


def quantity(value: Any, *, rate: bool = False, like: Any = None, sign: bool = False) -> str:
    """A metric's value; a rate in per cent. `like` sets the precision (the middle of an interval)."""
    finite = as_float(value)
    if finite is None:
        return ABSENT
    if rate:
        return fixed(100 * finite, 1, sign=sign) + "%"
    model = as_float(like)
    return fixed(finite, decimals(finite if model is None else model), sign=sign)


def difference(value: Any, *, rate: bool = False, like: Any = None) -> str:
    """A signed change; that of a rate in percentage points, without the unit."""
    finite = as_float(value)
    if finite is None:
        return ABSENT
    if rate:
        return fixed(100 * finite, 1, sign=True)
    model = as_float(like)
    return fixed(finite, decimals(finite if model is None else model), sign=True)


def interval(low: Any, high: Any, *, rate: bool = False, like: Any = None, signed: bool = False) -> str:
    """`LOW to HIGH`, or the empty string where either end is absent."""
    if as_float(low) is None or as_float(high) is None:
        return ""
    if signed:
        return f"{difference(low, rate=rate, like=like)} to {difference(high, rate=rate, like=like)}"
    ends = (quantity(low, rate=rate, like=like), quantity(high, rate=rate, like=like))
    return f"{ends[0].removesuffix('%')} to {ends[1]}"


def duration(seconds: Any) -> str:
    """Seconds as `0.4 s`, `42 s`, `3 min 5 s` or `2 h 5 min`."""
    finite = as_float(seconds)
    if finite is None:
        return ABSENT
    if finite < 9.95:
        return f"{finite:.1f} s"
    whole = round(finite)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(finite / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def size(count: Any) -> str:
    """Bytes as `512 bytes`, `3.4 MiB`, `5.2 GiB`."""
    finite = as_float(count)
    if finite is None:
        return ABSENT
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if finite < 1024:
            return f"{finite:.0f} {unit}" if unit == "bytes" else f"{finite:.1f} {unit}"
        finite /= 1024
    return f"{finite:.1f} TiB"

"""A plot of pairs of bars, as an SVG: seconds of the engine and of its peer, each pair on a scale of its own."""

from __future__ import annotations

from collections.abc import Sequence

WIDE, ROW, LABEL, RIGHT = 640, 58, 90, 120
OURS, THEIRS = "#2a5d84", "#b9b2a6"


def bars(pairs: Sequence[tuple[str, float, float]], *, names: tuple[str, str]) -> str:
    """One pair a row: its label, our seconds, the peer's; the longer of a pair is as wide as the plot."""
    high = ROW * len(pairs) + 30
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {high}" width="{WIDE}" height="{high}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDE}" height="{high}" fill="#fff"/>',
        _square(LABEL, OURS, names[0]),
        _square(LABEL + 110, THEIRS, names[1]),
    ]
    for number, (label, ours, theirs) in enumerate(pairs):
        top, room = 30 + number * ROW, WIDE - LABEL - RIGHT
        scale = room / max(ours, theirs)
        lines.append(f'<text x="{LABEL - 8}" y="{top + 26}" text-anchor="end" fill="#222">{label}</text>')
        for offset, value, colour in ((4, ours, OURS), (24, theirs, THEIRS)):
            width, text = value * scale, f"{value:.1f} s"
            if colour == THEIRS:
                text += f", {theirs / ours:.1f} times"
            lines.append(f'<rect x="{LABEL}" y="{top + offset}" width="{width:.1f}" height="16" fill="{colour}"/>')
            lines.append(f'<text x="{LABEL + width + 6:.1f}" y="{top + offset + 12}" fill="#222">{text}</text>')
    return "\n".join([*lines, "</svg>", ""])


def _square(x: int, colour: str, name: str) -> str:
    label = f'<text x="{x + 16}" y="18" fill="#222">{name}</text>'
    return f'<rect x="{x}" y="8" width="11" height="11" fill="{colour}"/>{label}'

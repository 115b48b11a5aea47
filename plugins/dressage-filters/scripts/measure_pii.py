"""Measures the recall and the false alarms of the `pii` filter on annotated texts.

    python plugins/dressage-filters/scripts/measure_pii.py PATH/synth_dataset_v2.json --texts 500

A span is found where a find of its type covers at least half of its characters, touched where one covers any. A find
is a false alarm where it touches no span of its type, and "nothing there" where it touches no span at all.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

from dressage_filters.recognise import find

NAMES = {
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "STREET_ADDRESS": "address",
}


def wilson(k: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    if not n:
        return 0.0, 1.0
    z, p = 1.96, k / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def overlap(a: tuple[int, int], b: tuple[int, int]) -> int:
    """Characters in common."""
    return max(0, min(a[1], b[1]) - max(a[0], b[0]))


def main() -> None:
    """Prints one line a type."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--texts", type=int, default=500)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--regions", default="US,GB")
    parser.add_argument("--show", action="store_true", help="print what was missed and what was a false alarm")
    arguments = parser.parse_args()
    texts = json.loads(arguments.path.read_text(encoding="utf-8"))[arguments.first : arguments.first + arguments.texts]
    count = {kind: [0] * 6 for kind in NAMES.values()}  # found, spans, finds, false alarms, nothing there, touched
    began = time.perf_counter()
    for row in texts:
        text = row["full_text"]
        spans = [(s["start_position"], s["end_position"], NAMES.get(s["entity_type"])) for s in row["spans"]]
        finds = find(text, tuple(NAMES.values()), regions=arguments.regions.split(","))
        for start, end, kind in spans:
            if kind is None:
                continue
            covered = max((overlap((start, end), (f.start, f.end)) for f in finds if f.kind == kind), default=0)
            hit = 2 * covered >= end - start
            count[kind][0] += hit
            count[kind][1] += 1
            count[kind][5] += covered > 0
            if arguments.show and not hit:
                print("missed", kind, repr(text[max(0, start - 20) : end + 10]))
        for f in finds:
            types = [kind for start, end, kind in spans if overlap((start, end), (f.start, f.end))]
            count[f.kind][2] += 1
            count[f.kind][3] += f.kind not in types
            count[f.kind][4] += not types
            if arguments.show and f.kind not in types:
                print("false alarm", f.kind, repr(text[f.start : f.end]), types)
    print(f"{len(texts)} texts, regions {arguments.regions}, {time.perf_counter() - began:.1f} s")
    print("type     found/spans  recall [95 %]          touched  finds  of another type or none  nothing there")
    for kind, (found, total, made, wrong, nothing, touched) in count.items():
        low, high = wilson(found, total)
        share = found / total if total else float("nan")
        recall = f"{found:5}/{total:<5}  {share:.3f} [{low:.3f}, {high:.3f}]"
        print(f"{kind:8} {recall}  {touched:7}  {made:5}  {wrong:24}  {nothing:13}")


if __name__ == "__main__":
    main()

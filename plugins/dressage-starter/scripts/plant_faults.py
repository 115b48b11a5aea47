"""Plants known faults into the clean demonstrations, so that a filter's recall and false alarms are numbers.

    python scripts/plant_faults.py            # rebuilds data/demonstrations.jsonl and data/planted-faults.jsonl
    python scripts/plant_faults.py --check    # says whether both are what this script makes

The clean rows are read from the present files (all rows that the key does not name), so the result is the same
however often it runs. Faulty texts are written by hand in `fault_texts.jsonl`; the seed chooses which clean rows are
copied, how the near copies differ, the digits of phone and card numbers, and the order of all rows.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DATA = HERE.parent / "dressage_starter" / "data"
SEED = 2026
EXACT, NEAR = 77, 95

Row = dict[str, Any]


def main(arguments: Sequence[str]) -> int:
    """Rebuilds the two files, or compares them with what would be built."""
    demonstrations, key = DATA / "demonstrations.jsonl", DATA / "planted-faults.jsonl"
    rows, faults = plant(clean(load(demonstrations), load(key)), load(HERE / "fault_texts.jsonl"), SEED)
    built = {demonstrations: dump(rows), key: dump(faults)}
    if "--check" in arguments:
        changed = [path.name for path, text in built.items() if path.read_text(encoding="utf-8") != text]
        print("changed: " + ", ".join(changed) if changed else "both files are as built")
        return 1 if changed else 0
    for path, text in built.items():
        path.write_text(text, encoding="utf-8")
    print(f"{len(rows)} rows, {len(faults)} of them faulty")
    return 0


def clean(rows: Sequence[Row], faults: Sequence[Row]) -> list[Row]:
    """The rows without a planted fault and without ids, in an order that their content alone decides."""
    faulty = {fault["id"] for fault in faults}
    kept = [{name: value for name, value in row.items() if name != "id"} for row in rows if row["id"] not in faulty]
    return sorted(kept, key=lambda row: hashlib.sha256((row["prompt"] + row["response"]).encode()).digest())


def plant(rows: Sequence[Row], texts: Sequence[Row], seed: int) -> tuple[list[Row], list[Row]]:
    """All rows shuffled with ids, and the key: id, fault, what is known of it, and the text at fault."""
    dice = random.Random(seed)
    copied = dice.sample(range(len(rows)), EXACT + NEAR)
    planted = [(dict(rows[i]), {"fault": "exact-duplicate", "source": i}) for i in copied[:EXACT]]
    planted += [(near_copy(rows[i], dice), {"fault": "near-duplicate", "source": i}) for i in copied[EXACT:]]
    planted += [faulty(text, dice) for text in texts]
    everything: list[tuple[Row, Row]] = [(row, {"clean": i}) for i, row in enumerate(rows)] + planted
    dice.shuffle(everything)
    copies_last(everything)
    ids = {note["clean"]: name(place) for place, (_, note) in enumerate(everything) if "clean" in note}
    key = []
    for place, (row, note) in enumerate(everything):
        if "fault" in note:
            source = {"source": ids[note["source"]]} if "source" in note else {}
            key.append({"id": name(place), **note, **source, "text": row["response"]})
    return [{"id": name(place), **row} for place, (row, _) in enumerate(everything)], key


def copies_last(everything: list[tuple[Row, Row]]) -> None:
    """Swaps each copy that stands before its original with it: a filter that keeps the first keeps the original."""
    original = {note["clean"]: place for place, (_, note) in enumerate(everything) if "clean" in note}
    for place, (_, note) in enumerate(everything):
        if "source" in note and original[note["source"]] > place:
            other = original[note["source"]]
            everything[place], everything[other] = everything[other], everything[place]


def name(place: int) -> str:
    """The id of the row at a place."""
    return f"demonstrations-{place + 1:04}"


def faulty(text: Row, dice: random.Random) -> tuple[Row, Row]:
    """A row from a hand-written text, and what the key says of it."""
    note = {field: text[field] for field in ("fault", "strength", "entity") if field in text}
    prompt, response = text["prompt"], text["response"]
    if text["fault"] == "broken-encoding":
        prompt, response = misread(prompt), misread(response)
    for mark, make in NUMBERS.items():
        if mark in response:
            response = response.replace(mark, make(dice))
    return {"prompt": prompt, "response": response, "kind": "harmless", "topic": text["topic"]}, note


# --- broken encoding and invented numbers ----------------------------------------------------------------------------


def misread(text: str) -> str:
    """UTF-8 bytes read as Windows-1252; the five bytes that it lacks become control characters, as in a browser."""
    return "".join(_character(byte) for byte in text.encode("utf-8"))


def _character(byte: int) -> str:
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)


def phone_us(dice: random.Random) -> str:
    """A number from 555-0100 to 555-0199, which is kept free for fiction."""
    area = dice.choice(("212", "312", "415", "503", "617", "702"))
    return dice.choice(("({}) 555-01{:02}", "{}-555-01{:02}", "+1 {} 555 01{:02}")).format(area, dice.randrange(100))


def phone_uk(dice: random.Random) -> str:
    """A London number from the range that is kept free for drama."""
    return dice.choice(("020 7946 0{:03}", "+44 20 7946 0{:03}")).format(dice.randrange(1000))


def phone_intl(dice: random.Random) -> str:
    """A British or American number with its country code."""
    return phone_uk(dice) if dice.random() < 0.5 else f"+1 415 555 01{dice.randrange(100):02}"


def card_plain(dice: random.Random) -> str:
    """Sixteen digits of a test range with a right Luhn digit."""
    start = dice.choice(("424242", "400000", "555555")) + "".join(str(dice.randrange(10)) for _ in range(9))
    return start + str(luhn(start))


def card(dice: random.Random) -> str:
    """The same in blocks of four."""
    digits = card_plain(dice)
    return dice.choice((" ", "-")).join(digits[i : i + 4] for i in range(0, 16, 4))


def luhn(digits: str) -> int:
    """The check digit that makes a number pass."""
    doubled = (int(d) * (2 if i % 2 == 0 else 1) for i, d in enumerate(reversed(digits)))
    return -sum(d - 9 if d > 9 else d for d in doubled) % 10


NUMBERS: dict[str, Callable[[random.Random], str]] = {
    "{phone_us}": phone_us,
    "{phone_uk}": phone_uk,
    "{phone_intl}": phone_intl,
    "{card_plain}": card_plain,
    "{card}": card,
}


# --- near copies -----------------------------------------------------------------------------------------------------


def near_copy(row: Row, dice: random.Random) -> Row:
    """A copy with one light edit of the prompt and, half the time, one of the response."""
    new = dict(row)
    new["prompt"] = dice.choice(EDITS)(row["prompt"], dice)
    if dice.random() < 0.5 or new["prompt"] == row["prompt"]:
        new["response"] = dice.choice((shorten, slip))(row["response"], dice)
    if (new["prompt"], new["response"]) == (row["prompt"], row["response"]):
        new["prompt"] = thank(row["prompt"], dice)
    return new


def careless(text: str, dice: random.Random) -> str:
    """All in small letters, without the mark at the end."""
    return text.lower().rstrip(".?!")


def greet(text: str, dice: random.Random) -> str:
    """A word of greeting in front."""
    return dice.choice(("Hi, ", "Hello! ", "Quick question: ", "Hey there. ")) + text


def thank(text: str, dice: random.Random) -> str:
    """A word of thanks behind."""
    return text + dice.choice((" Thanks.", " Thank you!", " Cheers"))


def slip(text: str, dice: random.Random) -> str:
    """Two letters inside a long word change places."""
    words = text.split(" ")
    long = [i for i, word in enumerate(words) if len(word) > 5 and word.isalpha()]
    if not long:
        return text
    place = dice.choice(long)
    word, at = words[place], dice.randrange(1, len(words[place]) - 2)
    words[place] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return " ".join(words)


def shorten(text: str, dice: random.Random) -> str:
    """Contractions written out, or written short."""
    for long, short in (
        ("I can't", "I cannot"),
        ("I won't", "I will not"),
        ("I'm", "I am"),
        (" is not", " isn't"),
        (" do not", " don't"),
    ):
        if long in text:
            return text.replace(long, short, 1)
    return text.rstrip(".")


EDITS = (careless, greet, thank, slip)


# --- files -----------------------------------------------------------------------------------------------------------


def load(path: Path) -> list[Row]:
    """The objects of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def dump(rows: Sequence[Row]) -> str:
    """Objects as JSON lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

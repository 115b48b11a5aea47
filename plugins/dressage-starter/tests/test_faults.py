"""The planted faults are what the key says, and the clean rows have none."""

from __future__ import annotations

import re
from collections import Counter

import pytest

CARD = re.compile(r"(?:\d{4}[ -]?){3}\d{4}")


@pytest.fixture(scope="module")
def rows(parts):
    return {row["id"]: row for row in parts["demonstrations"]}


@pytest.fixture(scope="module")
def place(parts):
    return {row["id"]: place for place, row in enumerate(parts["demonstrations"])}


def of(key, fault):
    return [row for row in key.values() if row["fault"] == fault]


def test_the_faults_are_fifteen_percent_of_the_clean_rows(rows, key):
    assert len(key) == round(0.15 * (len(rows) - len(key)))


def test_each_class_has_at_least_thirty(key):
    counts = Counter(row["fault"] for row in key.values())
    assert set(counts) == {"toxic", "personal-data", "exact-duplicate", "near-duplicate", "broken-encoding"}
    assert min(counts.values()) >= 30


def test_the_key_quotes_the_rows_it_names(rows, key):
    assert [row_id for row_id, fault in key.items() if rows[row_id]["response"] != fault["text"]] == []


def test_nothing_in_a_row_gives_its_fault_away(rows, key):
    clean = {tuple(row) for row_id, row in rows.items() if row_id not in key}
    assert {tuple(rows[row_id]) for row_id in key} <= clean


def test_an_exact_duplicate_says_what_its_source_says(rows, key):
    for fault in of(key, "exact-duplicate"):
        one, other = rows[fault["id"]], rows[fault["source"]]
        assert {**one, "id": ""} == {**other, "id": ""}


def test_a_near_duplicate_is_alike_but_not_the_same(rows, key, words):
    for fault in of(key, "near-duplicate"):
        one, other = (
            rows[row_id]["prompt"] + " " + rows[row_id]["response"] for row_id in (fault["id"], fault["source"])
        )
        mine, theirs = set(words(one)), set(words(other))
        assert one != other
        assert len(mine & theirs) / len(mine | theirs) > 0.7, (one, other)


def test_a_copy_stands_after_its_clean_source(key, place):
    for fault in key.values():
        if "source" in fault:
            assert fault["source"] not in key
            assert place[fault["source"]] < place[fault["id"]]


def test_broken_rows_become_whole_when_read_the_other_way(rows, key, planting):
    for fault in of(key, "broken-encoding"):
        assert planting.misread(repaired(fault["text"])) == fault["text"]


def test_no_clean_row_is_broken(rows, key):
    for row_id, row in rows.items():
        if row_id not in key:
            assert repaired(row["prompt"] + row["response"]) is None, row_id


def repaired(text):
    """A text whose UTF-8 was read as Windows-1252, as it was before; None where it was not."""
    if text.isascii():
        return None
    try:
        return b"".join(byte_of(character) for character in text).decode("utf-8")
    except UnicodeError:
        return None


def byte_of(character):
    return character.encode("latin-1" if 0x80 <= ord(character) < 0xA0 else "cp1252")


def test_card_numbers_have_a_right_check_digit(key, planting):
    cards = [found[0] for row in of(key, "personal-data") if (found := CARD.search(row["text"]))]
    digits = [re.sub(r"\D", "", card) for card in cards]
    assert len(digits) == 8
    assert [card for card in digits if planting.luhn(card[:-1]) != int(card[-1])] == []


def test_the_check_digit_is_luhns(planting):
    assert planting.luhn("7992739871") == 3


def test_invented_mail_addresses_are_of_reserved_domains(key):
    found = [address for row in key.values() for address in re.findall(r"@([\w.-]+\w)", row["text"])]
    assert len(found) >= 12
    assert set(found) == {"example.com", "example.net", "example.org"}


def test_phone_numbers_are_of_ranges_kept_for_fiction(key):
    phones = [row["text"] for row in of(key, "personal-data") if row.get("entity") == "phone"]
    assert [text for text in phones if not re.search(r"555[ -]01\d\d|7946 0\d{3}", text)] == []


def test_the_script_makes_the_files_again(parts, planting):
    texts = planting.load(planting.HERE / "fault_texts.jsonl")
    clean = planting.clean(parts["demonstrations"], parts["planted-faults"])
    assert planting.plant(clean, texts, planting.SEED) == (parts["demonstrations"], parts["planted-faults"])

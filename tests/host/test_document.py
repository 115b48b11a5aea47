"""YAML 1.2 as plain values with places."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from dressage.host import document
from dressage.spec.errors import ConfigError


def read(text: str) -> document.Document:
    return document.parse(text, file="x.yaml", folder=Path())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1E5", 1e5),
        ("1.5", 1.5),
        ("12", 12),
        ("012", 12),
        ("0o17", 15),
        ("0x1f", 31),
        ("-3", -3),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("null", None),
        ("~", None),
        ("2024-01-01", "2024-01-01"),
        ("12:30:45", "12:30:45"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("=", "="),
        ("مرحبا", "مرحبا"),
    ],
)
def test_a_scalar_by_the_rules_of_yaml_1_2(text, value):
    found = read(f"a: {text}").data["a"]
    assert found == value
    assert type(found) is type(value)


def test_not_a_number_is_a_number():
    assert math.isnan(read("a: .nan").data["a"])


def test_places_are_of_values_and_of_keys():
    found = read("a: 1\nb:\n  - c: 2\n")
    assert (found.where(("b", 0, "c")).line, found.where(("b", 0, "c")).column) == (3, 8)
    assert (found.where_key(("b", 0, "c")).line, found.where_key(("b", 0, "c")).column) == (3, 5)


def test_a_place_that_the_file_has_not_is_the_one_around_it():
    assert str(read("a:\n  b: 1\n").where(("a", "c", "d"))) == "x.yaml:2:3"


def test_an_empty_value_stands_at_its_key():
    assert str(read("a:\n\n\nb: 1\n").where(("a",))) == "x.yaml:1:1"


def test_an_alias_is_a_copy_at_a_place_of_its_own():
    found = read("a: &x {b: 1}\nc: *x\n")
    assert found.data == {"a": {"b": 1}, "c": {"b": 1}}
    assert found.data["a"] is not found.data["c"]


def test_a_merge_gives_way_to_the_mappings_own_keys():
    found = read("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\n")
    assert found.data["d"] == {"b": 1, "c": 3}
    assert found.problems == []
    assert str(found.where(("d",))) == "x.yaml:2:4"


def test_the_first_of_several_merged_mappings_wins():
    assert read("a: &x {b: 1}\nc: &y {b: 2, d: 3}\ne: {<<: [*x, *y]}\n").data["e"] == {"b": 1, "d": 3}


def test_the_first_of_two_merges_wins():
    assert read("a: &x {b: 1}\nc: &y {b: 2}\ne:\n  <<: *x\n  <<: *y\n").data["e"] == {"b": 1}


def test_the_first_of_two_keys_stays():
    found = read("a: 1\na: 2\n")
    assert found.data == {"a": 1}
    assert [str(problem) for problem in found.problems] == ["x.yaml:2:1: a: duplicate key; it stands on line 1 already"]


def test_a_byte_order_mark_is_no_text(tmp_path):
    (tmp_path / "x.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert document.read_document(tmp_path / "x.yaml").data == {"a": 1}


def test_windows_line_ends():
    found = read("a: 1\r\nb: 2\r\n")
    assert found.data == {"a": 1, "b": 2}
    assert found.where(("b",)).line == 2


def test_aliases_of_aliases_cannot_make_billions():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(ConfigError, match="more than 100000 values cannot be read"):
        read("\n".join(lines))


def test_a_control_character_is_an_error_of_ours():
    with pytest.raises(ConfigError, match="not valid YAML: special characters are not allowed"):
        read("a: \x00")


@pytest.mark.parametrize(("text", "place"), [("a: \x07", "1:4"), ("a: 1\nb:\n  - x\x00", "3:6"), ("\x07", "1:1")])
def test_a_control_character_has_a_place(text, place):
    with pytest.raises(ConfigError, match=rf"^x\.yaml:{place}: not valid YAML: special characters"):
        read(text)


@pytest.mark.parametrize("text", ["a:\n  " + "[" * 3000 + "]" * 3000, "a:\n  " + "[" * 3000])
def test_what_is_nested_too_deep_has_a_place(text):
    with pytest.raises(ConfigError, match=r"^x\.yaml:2:102: is nested more than 100 deep$"):
        read(text)


def test_the_rules_of_another_yaml_are_refused():
    with pytest.raises(ConfigError, match=r"^x\.yaml:2:1: asks for YAML 1\.1, but only 1\.2 is read"):
        read("# mine\n%YAML 1.1\n---\nwhiten: yes\n")
    assert read("%YAML 1.2\n---\nwhiten: yes\n").data == {"whiten": "yes"}


def test_a_word_that_a_tag_calls_a_truth_value_is_a_problem():
    found = read("whiten: !!bool yes\n")
    assert [str(one) for one in found.problems] == ["x.yaml:1:9: whiten: must be true or false, not 'yes'"]
    assert read("whiten: !!bool True\n").problems == []

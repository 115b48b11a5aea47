"""Files to tables: what is kept, what is counted, and what is refused."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from dressage.run.data import join, read
from dressage.run.tables import Library
from dressage.spec.errors import DataError, Where
from dressage.spec.plan import DataPlan

TRANSCRIPTS = Path(__file__).parents[3] / "shared" / "data" / "hh_rlhf" / "test.jsonl.gz"


def plan(**settings):
    return DataPlan("demonstrations", None, None, Where("run.yaml", 4), **settings)


def load(path, bad_rows="fail", seed=0, **settings):
    return read(plan(**settings), [path], bad_rows=bad_rows, seed=seed)


def refusal(path, **settings):
    with pytest.raises(DataError) as caught:
        load(path, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def texts(table):
    return [example.text for example in table.examples]


@pytest.fixture
def write(tmp_path):
    def write(*rows, name="rows.jsonl"):
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return tmp_path / name

    return write


def test_rows_keep_their_order_and_line_numbers(write):
    table = load(write({"text": "a"}, "", {"text": "b"}))
    assert [(e.text, e.origin.line) for e in table.examples] == [("a", 1), ("b", 3)]


def test_blank_lines_are_no_rows(write):
    assert load(write({"text": "a"}, "  ", {"text": "b"})).rows == 2


def test_the_hash_is_of_the_bytes_on_disk(write):
    path = write({"text": "a"})
    assert load(path).files == ((path, hashlib.sha256(path.read_bytes()).hexdigest()),)


def test_gzip_is_read_with_or_without_its_suffix(tmp_path):
    for name in ("rows.jsonl.gz", "rows.jsonl"):
        (tmp_path / name).write_bytes(gzip.compress(b'{"text": "a"}\n'))
        assert texts(load(tmp_path / name)) == ["a"]


def test_a_byte_order_mark_and_windows_line_ends_are_no_content(tmp_path):
    (tmp_path / "rows.jsonl").write_bytes(b'\xef\xbb\xbf{"text": "\xc3\xa9"}\r\n{"text": "b"}')
    assert texts(load(tmp_path / "rows.jsonl")) == ["é", "b"]


def test_a_line_separator_inside_a_string_ends_no_line(write):
    assert texts(load(write('{"text": "a\u2028b"}'))) == ["a\u2028b"]


def test_a_bad_row_stops_the_run_by_default(write):
    message = refusal(path := write({"text": "a"}, "{", {"text": ""}, {"text": 1}, {"text": 2}))
    assert message.startswith(f"4 of 5 rows cannot be used: {path}:2: is not JSON")
    assert "; and 1 more" in message
    assert "bad_rows: skip" in message


def test_skipped_rows_are_listed_with_place_and_reason(write):
    table = load(path := write({"text": "a"}, {"text": ""}), bad_rows="skip")
    assert (table.bad, table.rows, texts(table)) == (((f"{path}:2", "text is empty"),), 2, ["a"])


def test_a_file_of_bad_rows_alone_is_refused_even_when_skipping(write):
    assert "the only row cannot be used" in refusal(write({"text": ""}), bad_rows="skip")


def test_match_keeps_the_rows_with_one_of_the_values(write):
    path = write({"text": "a", "kind": "x"}, {"text": "b", "kind": "y"}, {"text": "c"}, {"text": "d", "kind": "z"})
    assert texts(load(path, match={"kind": ("x", "z")})) == ["a", "d"]


def test_match_tells_true_from_one(write):
    path = write({"text": "a", "flag": 1}, {"text": "b", "flag": True})
    assert texts(load(path, match={"flag": (True,)})) == ["b"]


def test_match_on_an_unknown_column_names_the_columns(write):
    message = refusal(write({"text": "a", "kind": "x"}), match={"knid": ("x",)})
    assert message == "run.yaml:4: demonstrations: no row has the column 'knid' (columns: kind)"


def test_match_that_leaves_no_row_is_refused(write):
    message = refusal(write({"text": "a", "kind": "x"}), match={"kind": ("y", "z")})
    assert message == "run.yaml:4: demonstrations: none of 1 rows is kind: y or z"


def test_a_sample_is_seeded_ordered_and_without_repeats(write):
    path = write(*({"text": f"{i:02}"} for i in range(50)))
    first = texts(load(path, sample=20, seed=1))
    assert first == sorted(set(first))
    assert len(first) == 20
    assert first == texts(load(path, sample=20, seed=1))
    assert first != texts(load(path, sample=20, seed=2))


def test_a_sample_does_not_depend_on_the_file_name(write):
    rows = [{"text": f"{i:02}"} for i in range(50)]
    assert texts(load(write(*rows), sample=9)) == texts(load(write(*rows, name="other.jsonl"), sample=9))


def test_a_sample_is_of_the_matching_rows(write):
    path = write(*({"text": str(i), "odd": bool(i % 2)} for i in range(20)))
    assert all(int(text) % 2 for text in texts(load(path, match={"odd": (True,)}, sample=5)))


def test_a_sample_larger_than_the_data_is_refused(write):
    assert "asks for a sample of 3, but only 1" in refusal(write({"text": "a"}), sample=3)


def test_mixed_shapes_are_named_in_order(write):
    table = load(write({"text": "a"}, {"prompt": "b"}, {"text": "c"}))
    assert table.shape == "text (text); prompt (prompt)"


def test_joined_tables_add_up(write):
    one = load(write({"text": "a"}, {"text": ""}), bad_rows="skip")
    two = load(write({"prompt": "b"}, name="two.jsonl"))
    both = join([one, two, one])
    assert (len(both.examples), both.rows, len(both.bad), len(both.files)) == (3, 5, 2, 2)
    assert (both.name, both.shape) == ("demonstrations", "text (text); prompt (prompt)")


def test_a_missing_file_is_named(tmp_path):
    assert refusal(tmp_path / "no.jsonl").endswith("no.jsonl: no such file")


def test_a_directory_is_refused(tmp_path):
    assert refusal(tmp_path) == f"{tmp_path}: is a directory; name a JSONL file"


def test_an_empty_file_is_refused(write):
    assert "is empty" in refusal(write("", " "))


def test_no_files_are_refused():
    with pytest.raises(DataError, match="has no files"):
        read(plan(), [], bad_rows="fail", seed=0)


def test_text_that_is_not_utf8_is_named_by_line(tmp_path):
    (tmp_path / "rows.jsonl").write_bytes(b'{"text": "a"}\n{"text": "\xe9"}\n')
    assert "rows.jsonl:2: is not UTF-8 (byte 11 of the line)" in refusal(tmp_path / "rows.jsonl", bad_rows="skip")


def test_utf16_is_recognised(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"text": "a"}', encoding="utf-16")
    assert "is UTF-16, not UTF-8" in refusal(tmp_path / "rows.jsonl")


def test_a_truncated_gzip_is_refused(tmp_path):
    whole = gzip.compress(b"".join(json.dumps({"text": str(i)}).encode() + b"\n" for i in range(5000)))
    (tmp_path / "rows.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    assert "the gzip data is cut off or damaged" in refusal(tmp_path / "rows.jsonl.gz")


def test_a_gzip_with_a_wrong_checksum_is_refused(tmp_path):
    whole = bytearray(gzip.compress(b'{"text": "a"}\n'))
    whole[-8] ^= 1
    (tmp_path / "rows.jsonl.gz").write_bytes(whole)
    assert "the gzip data is damaged" in refusal(tmp_path / "rows.jsonl.gz")


@pytest.mark.skipif(not TRANSCRIPTS.exists(), reason="shared/data/hh_rlhf/test.jsonl.gz is absent")
def test_anthropic_transcripts_are_read_as_they_are():
    table = load(TRANSCRIPTS, bad_rows="skip")
    reasons = [reason for _, reason in table.bad]
    assert (table.rows, len(table.examples)) == (2312, 2303)
    assert sum("differ before the last turn" in reason for reason in reasons) == 5
    assert sum("is empty" in reason for reason in reasons) == 4


def test_a_report_tells_no_more_than_the_end_of_a_path(write):
    path = write({"prompt": "a", "response": "b"}, "{", name="rows.jsonl")
    library = Library(SimpleNamespace(bad_rows="skip", seed=0), None)
    library.table("demonstrations", [DataPlan("demonstrations", path, None, Where("run.yaml", 4))])
    report = library.report({})["demonstrations"]
    end = "/".join(path.parts[-3:])
    assert [report["files"][0]["path"], report["bad_rows"][0]["where"]] == [end, f"{end}:2"]

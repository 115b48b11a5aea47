"""The data source and its options."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import get_args

import pytest
from dressage import Context, DataError
from dressage_starter import source
from dressage_starter.options import Part, StarterOptions
from pydantic import ValidationError

PARTS = [part for part in get_args(Part) if part != "comparisons"]


def starter(part):
    return source.Starter(StarterOptions(part=part), Context("starter"))


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_one_file_and_its_card_has_its_hash(part):
    (path,) = starter(part).files()
    card = starter(part).card()
    assert (card.name, card.licence) == (f"starter/{part}", "Apache-2.0")
    assert card.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert card.extra["rows"] == path.read_bytes().count(b"\n")


def test_the_card_counts_kinds_and_hazards():
    extra = starter("validation").card().extra
    assert extra["kind"] == {"harmful": 64, "harmless": 48, "looks-harmful": 48}
    assert sum(extra["hazard"].values()) == 64


def test_a_part_without_a_file_is_a_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "DATA", tmp_path)
    with pytest.raises(DataError, match=r"part 'comparisons' has no file .*comparisons\.jsonl") as caught:
        starter("comparisons").files()
    assert "\n" not in str(caught.value)


def test_a_part_must_be_named():
    with pytest.raises(ValidationError, match="part"):
        StarterOptions()


def test_an_unknown_part_is_refused():
    with pytest.raises(ValidationError, match="heldout-harmful"):
        StarterOptions(part="heldout")


@pytest.mark.parametrize(("kind", "name"), [("model", "smollm2-135m"), ("data", "starter")])
def test_the_plugin_supplies_its_components_without_torch(kind, name):
    code = (
        "import sys; from dressage.testing import isolated_host; "
        f"isolated_host('dressage_starter').catalog.find({kind!r}, {name!r}).load(); "
        "assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

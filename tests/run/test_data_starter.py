"""The embedded data set is read without a bad row."""

from __future__ import annotations

import pytest
from dressage.run.data import read
from dressage.spec.components import Context
from dressage.spec.errors import Where
from dressage.spec.plan import DataPlan

options = pytest.importorskip("dressage_starter.options")
source = pytest.importorskip("dressage_starter.source")

SHAPES = {
    "demonstrations": "demonstration (prompt, response)",
    "continuations": "demonstration (text, response)",
    "prompts": "prompt (prompt)",
    "provocations": "text (text)",
    "validation": "prompt (prompt)",
    "validation-provocations": "text (text)",
    "heldout-harmful": "prompt (prompt)",
    "heldout-harmless": "prompt (prompt)",
    "heldout-looks-harmful": "prompt (prompt)",
    "heldout-provocations": "text (text)",
    "heldout-twins": "text (text)",
    "planted-faults-key": "text (text)",
}


@pytest.mark.parametrize("part", SHAPES)
def test_a_part_is_read_whole_and_in_one_shape(part):
    files = source.Starter(options.StarterOptions(part=part), Context()).files()
    table = read(DataPlan("data", None, None, Where("run.yaml")), files, bad_rows="fail", seed=0)
    assert (table.shape, table.bad) == (SHAPES[part], ())
    assert len(table.examples) == table.rows

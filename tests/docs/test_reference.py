"""The reference pages are what the code says, and say all of it."""

import re
from pathlib import Path

import pytest
from dressage.host.component import OWN
from dressage.host.config import KEYS
from dressage.host.data import _KEYS as DATA_KEYS
from dressage.spec import components as spec_components
from dressage.spec import errors
from dressage.spec.components import KINDS, Component
from generate import PAGES, REFERENCE
from generator import cli, components, texts, yaml_keys

ENTRIES = [entry for kind in KINDS for entry in components.catalog().entries(kind)]


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def section(name: str, start: str) -> str:
    """A page from a heading or anchor to the next one of its kind."""
    return page(name).split(start, 1)[1].split(start[:4], 1)[0]


def cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


@pytest.mark.parametrize("name", PAGES)
def test_page_is_what_the_code_gives(name):
    assert page(name) == PAGES[name](), "run python docs/generate.py"


def test_no_page_is_left_over():
    assert {path.name for path in REFERENCE.glob("*.md")} == set(PAGES)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: f"{e.kind}/{e.name}")
def test_every_option_of_a_component_is_there_with_its_meaning(entry):
    own = section("components.md", f'<a id="{components.anchor(entry.kind, entry.name)}"></a>')
    rows = {cells[0].strip("` "): cells[-1] for cells in map(cells_of, own.splitlines()) if len(cells) == 4}
    assert [name for name in entry.options.model_fields if not re.search(r"\w", rows.get(name, ""))] == []


@pytest.mark.parametrize(("model", "fields"), [(n, tuple(m.model_fields)) for n, m in yaml_keys.models().items()])
def test_every_host_key_has_a_meaning(model, fields):
    meanings = yaml_keys.meanings(model)
    assert [name for name in fields if not meanings[name]] == []


def test_every_host_key_has_a_row():
    for model, found in yaml_keys.models().items():
        for name in found.model_fields:
            assert f"| `{name}` |" in page("yaml.md"), f"{model}.{name}"


def test_top_level_keys_are_those_of_the_host():
    assert tuple(texts.tables("keys")["top"]) == KEYS


def test_keys_of_a_component_are_those_of_the_host():
    assert set(texts.tables("keys")["component"]) == set(OWN)


def test_keys_of_a_data_spec_are_those_of_the_host():
    written = {key for keys in texts.tables("keys")["data"] for key in keys.split(", ")}
    assert written | set(yaml_keys.models()["DataKeys"].model_fields) == set(DATA_KEYS)


def test_no_written_meaning_hides_one_in_the_code():
    assert yaml_keys.shadowed() == []


def test_no_written_meaning_is_of_a_key_that_is_gone():
    owners = {yaml_keys.OWNERS.get(name, name): set(yaml_keys.meanings(name)) for name in yaml_keys.models()}
    for path in texts.tables("keys")["meaning"]:
        owner, _, key = path.partition(".")
        assert key in owners[owner], path


def test_every_variable_of_the_code_is_documented(root: Path):
    used = {
        name for path in (root / "core").rglob("*.py") for name in re.findall(r"\bDRESSAGE_[A-Z]+\b", path.read_text())
    }
    assert used == {name for name in cli.variables() if name.startswith("DRESSAGE_")}


def test_every_exit_code_is_documented():
    codes = {
        e.exit_code
        for e in vars(errors).values()
        if isinstance(e, type) and isinstance(getattr(e, "exit_code", None), int)
    }
    assert codes <= {int(code) for code, _ in cli.CODES}


def test_every_error_is_documented():
    found = [e.__name__ for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.DressageError)]
    assert [name for name in found if f"| `{name}` |" not in page("types.md")] == []


def test_every_component_base_is_documented():
    bases = [c.__name__ for c in vars(spec_components).values() if isinstance(c, type) and issubclass(c, Component)]
    assert [name for name in bases if f"### `{name}`" not in page("hooks.md")] == []


def test_methods_that_must_be_written_are_said_to_be(root: Path):
    hooks = page("hooks.md")
    for name in ("score", "measure", "advantages", "collate", "files", "path"):
        assert re.search(rf"^\| `{name}\(.*\*\*Must be written\.\*\*", hooks, re.MULTILINE), name

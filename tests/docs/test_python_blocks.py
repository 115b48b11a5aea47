"""The examples of the documents are plugins that load and keep their contracts."""

import ast

import pytest
from dressage.spec.components import FittedReward
from dressage.testing import (
    Contract,
    EvaluatorContract,
    FilterContract,
    FittedRewardContract,
    OptimizerContract,
    PluginContract,
    RewardContract,
)

from tests.docs.conftest import blocks, example_files, pages

CONTRACTS = {
    "reward": RewardContract, "filter": FilterContract, "optimizer": OptimizerContract, "evaluator": EvaluatorContract,
}  # fmt: skip
FILES = [block.file for block in example_files()]
PLUGINS = [block.file for block in example_files() if "@dressage.hookimpl" in block.text or "@hookimpl" in block.text]
TESTS = [block.file for block in example_files() if block.file.startswith("tests/")]


def run_tests(contract: type[Contract | PluginContract]) -> int:
    """Runs every test of a contract on fresh instances, as pytest would."""
    names = [name for name in dir(contract) if name.startswith("test_")]
    for name in names:
        getattr(contract(), name)()
    return len(names)


def contracts_in(module, *kinds: type) -> list[type]:
    found = [one for name, one in vars(module).items() if name.startswith("Test")]
    return [one for one in found if isinstance(one, type) and issubclass(one, kinds)]


def contract_of(component) -> type[Contract]:
    base = FittedRewardContract if issubclass(component, FittedReward) else CONTRACTS[component.kind]
    return type(f"Test{component.__name__}", (base,), {"component": component})


def entries_of(host, file: str):
    name = file.removesuffix(".py").removesuffix("/__init__").replace("_", "-")
    return [entry for entry in host.catalog if entry.distribution == name]


def test_every_kind_of_component_has_an_example(host):
    kinds = {entry.kind for file in PLUGINS for entry in entries_of(host, file)}
    assert kinds == {"model", "data", "filter", "reward", "optimizer", "evaluator", "observer"}
    assert "count" in host.commands


@pytest.mark.parametrize("file", PLUGINS)
def test_example_loads(file, host):
    assert [r.error for r in host.plugins if r.state == "broken"] == []
    for entry in entries_of(host, file):
        assert entry.load()
        assert entry.doc


@pytest.mark.parametrize("file", [file for file in PLUGINS if "opposite" not in file])
def test_example_keeps_its_contract(file, host):
    components = [e.load() for e in entries_of(host, file) if e.kind in CONTRACTS]
    for component in components:
        assert run_tests(contract_of(component)) > 2


@pytest.mark.parametrize("file", TESTS)
def test_tests_of_an_example_pass(file, examples):
    module = examples[file]
    assert sum(map(run_tests, contracts_in(module, Contract, PluginContract))) > 2
    for name, test in vars(module).items():
        if name.startswith("test_"):
            test()


def test_example_without_defaults_is_tested_on_the_page(examples):
    tested = {contract.component.__name__ for file in TESTS for contract in contracts_in(examples[file], Contract)}
    assert "Opposite" in tested


def test_observer_of_the_page_writes_what_it_says(examples, tmp_path):
    from dressage import Context, NoOptions, events

    ticker = examples["dressage_ticker.py"].Ticker(NoOptions(), Context(name="ticker"))
    ticker.on_run_start(events.RunStart(tmp_path, {}, {}))
    ticker.on_step(events.Step("ppo", 3, 8, {"score": 0.5, "kl": 2.0}))
    ticker.on_run_end(events.RunEnd(tmp_path, {}))
    assert (tmp_path / "ticker.csv").read_text() == "ppo,3,0.5,2.0,\n"


def test_model_of_the_page_says_what_to_set(examples, monkeypatch):
    import dressage

    house = examples["dressage_riddles.py"].House(dressage.NoOptions(), dressage.Context(name="house"))
    monkeypatch.setenv("HOUSE_MODEL", "/models/house")
    assert str(house.path()) == "/models/house"
    monkeypatch.delenv("HOUSE_MODEL")
    with pytest.raises(dressage.ModelError, match="HOUSE_MODEL"):
        house.path()


def test_reward_of_the_readme_is_the_one_of_the_examples(root):
    shown = next(block for block in example_files() if block.document.name == "README.md")
    assert shown.text == (root / "examples" / "third-party-reward" / shown.file).read_text()
    assert len(shown.text.splitlines()) <= 20


@pytest.mark.parametrize("block", [b for path in pages() for b in blocks(path, "python") if not b.file], ids=str)
def test_other_python_blocks_are_python(block):
    ast.parse(block.text)

"""What a user can name is documented: hooks and commands in docs/, components and options by each plugin's contract."""

import re
from importlib import metadata
from pathlib import Path

import pytest
import typer
from dressage.cli.app import app
from dressage.host import discover
from dressage.host.known import KNOWN
from dressage.spec import hookspecs
from dressage.spec.components import KINDS, Observer

ROOT = Path(__file__).resolve().parents[2]
DISCOVERY = discover({})
OWN = sorted(
    (
        entry
        for kind in KINDS
        for entry in DISCOVERY.catalog.entries(kind)
        if (ROOT / "plugins" / entry.distribution).is_dir()
    ),
    key=lambda entry: (entry.distribution, entry.kind, entry.name),
)
FOLDERS = sorted(
    path.parent
    for pattern in ("plugins/*", "examples/third-party-*")
    for path in ROOT.glob(f"{pattern}/pyproject.toml")
)
HOOKS = sorted(name for name in vars(hookspecs) if name.startswith("register_"))
EVENTS = sorted(name for name in vars(Observer) if name.startswith("on_"))


@pytest.fixture
def hooks_page(root):
    return (root / "docs" / "reference" / "hooks.md").read_text()


@pytest.fixture
def cli_page(root):
    return (root / "docs" / "reference" / "cli.md").read_text()


def test_components_that_an_error_would_install_are_those_of_the_checkout():
    known = {(kind, name, distribution) for kind, names in KNOWN.items() for name, distribution in names.items()}
    assert known == {(entry.kind, entry.name, entry.distribution) for entry in OWN}


def test_all_plugins_of_the_checkout_are_found(root):
    folders = {path.parent.name for path in (root / "plugins").glob("*/pyproject.toml")}
    assert len(folders) >= 9
    assert folders == {entry.distribution for entry in OWN}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_plugin_has_its_readme_under_the_contract_of_plugins(folder):
    tests = "".join(path.read_text() for path in folder.glob("tests/test_*.py"))
    assert re.search(r"\(PluginContract\):\n(    .*\n)*?    readme = ", tests)


@pytest.mark.parametrize("hook", HOOKS)
def test_hook_has_a_heading_in_the_docs(hook, hooks_page):
    assert re.search(rf"^#+ .*`?{hook}\b", hooks_page, re.MULTILINE)


@pytest.mark.parametrize("event", EVENTS)
def test_event_is_in_the_docs(event, hooks_page):
    assert re.search(rf"`{event}\b", hooks_page)


@pytest.mark.parametrize("hook", HOOKS)
def test_hook_says_since_when(hook):
    assert re.search(r"New in \d+\.\d+\.", getattr(hookspecs, hook).__doc__)


def commands():
    group = typer.main.get_command(app)
    context = typer.Context(group)
    found = {}
    for name in super(type(group), group).list_commands(context):
        command = group.get_command(context, name)
        found[name] = command
        for inner, sub in getattr(command, "commands", {}).items():
            found[f"{name} {inner}"] = sub
    return found


COMMANDS = commands()


@pytest.mark.parametrize("name", COMMANDS)
def test_command_has_a_heading_in_the_docs(name, cli_page):
    assert re.search(rf"^#+ .*`?dressage {name}\b", cli_page, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_flags_of_a_command_are_in_the_docs(name, cli_page):
    section = re.split(rf"^#+ .*`?dressage {name}\b", cli_page, flags=re.MULTILINE)[1].split("\n## ")[0]
    flags = [flag for p in COMMANDS[name].params for flag in p.opts if flag.startswith("--") and flag != "--help"]
    assert [flag for flag in flags if flag not in section] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_command_has_an_example_in_its_help(name):
    assert "Example" in (COMMANDS[name].help or "")


def test_every_distribution_states_its_licence_and_python(root):
    for folder in sorted((root / "plugins").iterdir()):
        about = metadata.metadata(folder.name)
        assert about["License-Expression"] == "Apache-2.0", folder.name
        assert about["Requires-Python"], folder.name

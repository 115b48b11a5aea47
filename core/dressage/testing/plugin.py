"""What every plugin must do, whatever it registers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import ClassVar

from dressage.host import Discovery
from dressage.host.catalog import Command
from dressage.spec.errors import PluginError
from dressage.spec.plan import Entry
from dressage.testing.host import isolated_host
from dressage.testing.readme import names_in_yaml, section

HEAVY = frozenset(
    {
        "bitsandbytes", "datasets", "gguf", "huggingface_hub", "jax", "matplotlib", "nltk", "numpy", "pandas", "peft",
        "safetensors", "scipy", "sentence_transformers", "sklearn", "spacy", "tensorflow", "tokenizers", "torch",
        "transformers",
    }
)  # fmt: skip
"""Libraries that `dressage check` and `dressage plugins` have no time to import."""

REGISTER = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from dressage.testing import isolated_host
before = set(sys.modules)
isolated_host(sys.argv[2])
print()
print(json.dumps(sorted((set(sys.modules) - before) & set(sys.argv[3:]))))
"""
"""Loads a plugin as the host does, in a process that has imported nothing else, and prints what that has imported."""


class PluginContract:
    """The contract of a plugin as a whole: what it registers, that this loads, what its import costs, its README.

    ```python
    class TestPlugin(PluginContract):
        plugin = "dressage_shouting"
        registers = {"reward": ["shouting"]}
        readme = Path(__file__).parents[1] / "README.md"
    ```

    What each component does is held by the contract of its kind.
    """

    plugin: ClassVar[str | ModuleType]
    """The module that the entry point names."""
    registers: ClassVar[Mapping[str, Collection[str]]]
    """The names of all components by kind (`reward`, `filter`, ...), and of subcommands under `command`."""
    heavy: ClassVar[Collection[str]] = HEAVY
    """Modules that registering must not import; `HEAVY | {"spellbook"}` adds a library of the plugin's own."""
    readme: ClassVar[Path | None] = None
    """The README that documents components and options; None where it is not to be looked at."""

    def host(self) -> Discovery:
        """A host with this plugin alone; raises `PluginError` where the plugin is broken."""
        return isolated_host(self.plugin)

    def test_registers_the_names_that_it_says(self) -> None:
        """No more and no fewer than `registers` has."""
        found = {_label(one) for one in self._registered()}
        said = {f"{kind} {name!r}" for kind, names in self.registers.items() for name in names}
        more, fewer = ", ".join(sorted(found - said)), ", ".join(sorted(said - found))
        assert not more, (
            f"{self._module()} registers {more}; add that to the contract's `registers`, or take it out of the hook"
        )
        assert not fewer, (
            f"{self._module()} does not register {fewer}; add a register(...) to its hook, or correct `registers`"
        )

    def test_every_class_loads_and_is_what_its_registration_says(self) -> None:
        """Each can be imported, is a whole class of its kind, and has the options it is registered with."""
        wrong = []
        for one in self._registered():
            try:
                one.load()
            except PluginError as error:
                wrong.append(str(error))
        advice = "correct the class or what register(...) says of it; what the module imports must be installed"
        assert not wrong, f"{'; '.join(wrong)}; {advice}"

    def test_everything_says_in_one_line_what_it_does(self) -> None:
        """`dressage plugins` lists each component with its line: `doc=`, else the first of the class's docstring."""
        for one in self._registered():
            advice = "give register(...) a doc=, or the class a docstring"
            assert one.doc.strip(), f"{_label(one)} does not say what it does; {advice}"
            assert "\n" not in one.doc, f"{_label(one)}: its doc has several lines; cut it to one"

    def test_registering_imports_nothing_heavy(self) -> None:
        """Neither the module nor its hooks import any of `heavy`; tried in a process of its own."""
        module = self._module()
        command = [sys.executable, "-c", REGISTER, json.dumps(sys.path), module, *self.heavy]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        reason = done.stderr.strip().rpartition("\n")[2]
        assert done.returncode == 0, f"{module} cannot be loaded in a fresh process: {reason}"
        imported = ", ".join(json.loads(done.stdout.splitlines()[-1]))
        advice = 'register the class by its name, as "module:Class" with options=, and import there'
        assert not imported, f"registering {module} imports {imported}; {advice} (`python -X importtime` shows where)"

    def test_readme_shows_every_component_in_a_yaml(self) -> None:
        """Some block of YAML uses each."""
        text = self._readme()
        if text is None:
            return
        for entry in self.host().catalog:
            assert names_in_yaml(text, entry.name), (
                f"{self.readme}: no ```yaml block has {_label(entry)}; show how a run uses it"
            )

    def test_readme_explains_every_option(self) -> None:
        """Each is named in backticks below a heading that names its component, or anywhere where there is but one."""
        text, entries = self._readme(), list(self.host().catalog)
        if text is None:
            return
        for entry in entries:
            part = text if len(entries) == 1 else section(text, entry.name)
            missing = ", ".join(f"`{name}`" for name in _options(entry) if not _explains(part, name))
            where = "there" if len(entries) == 1 else f"under a heading that names it, as `## {entry.name}`"
            assert not missing, f"{self.readme} does not explain {missing} of {_label(entry)}; write of it {where}"

    def _module(self) -> str:
        return self.plugin if isinstance(self.plugin, str) else self.plugin.__name__

    def _registered(self) -> Sequence[Entry | Command]:
        host = self.host()
        return [*host.catalog, *host.commands.values()]

    def _readme(self) -> str | None:
        """The README's text; None where it is not to be looked at."""
        if self.readme is None:
            return None
        assert self.readme.is_file(), f"{self.readme}: no such file; correct the contract's `readme`, or set it to None"
        return self.readme.read_text(encoding="utf-8")


def _label(one: Entry | Command) -> str:
    return f"{one.kind if isinstance(one, Entry) else 'command'} {one.name!r}"


def _options(entry: Entry) -> Sequence[str]:
    """What the YAML calls a component's options."""
    return [field.alias or name for name, field in entry.options.model_fields.items()]


def _explains(text: str, option: str) -> bool:
    return f"`{option}`" in text or f"`{option}:" in text

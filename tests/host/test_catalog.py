"""What is installed is found once: nothing that is handed the catalog can change it for the others."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from types import SimpleNamespace

import dressage
import pytest
from dressage.host import Discovery


def greet():
    """Says hello."""


@dressage.hookimpl
def register_commands(register):
    register("greet", greet)


@pytest.fixture
def commands():
    return Discovery.of({"acme": SimpleNamespace(register_commands=register_commands)}).commands


@pytest.mark.parametrize("field", ["name", "kind", "options", "load"])
def test_an_entry_cannot_be_changed(world, field):
    with pytest.raises(FrozenInstanceError):
        setattr(world.catalog.find("reward", "loud"), field, None)


def test_the_lists_of_a_catalog_cannot_be_changed(world):
    catalog = world.catalog
    for found in (catalog.entries("reward"), catalog.names("reward"), catalog.distributions(), world.plugins):
        assert isinstance(found, tuple)


@pytest.mark.parametrize("name", ["find", "entries", "anything"])
def test_nothing_can_be_put_on_a_catalog(world, name):
    with pytest.raises(AttributeError):
        setattr(world.catalog, name, None)


def test_a_catalog_keeps_its_entries_when_the_list_that_made_it_grows(world):
    entries = list(world.catalog)
    catalog = type(world.catalog)(entries)
    entries.clear()
    assert len(catalog) == len(world.catalog)


@pytest.mark.parametrize("part", ["_records", "_lost"])
def test_the_mappings_of_a_catalog_cannot_be_changed(world, part):
    with pytest.raises(TypeError):
        getattr(world.catalog, part)["acme"] = None


def test_the_mapping_of_commands_cannot_be_changed(commands):
    with pytest.raises(TypeError):
        commands["greet"] = None
    with pytest.raises(TypeError):
        del commands["greet"]


def test_a_command_cannot_be_changed(commands):
    with pytest.raises(FrozenInstanceError):
        commands["greet"].load = None


@pytest.mark.parametrize("field", ["catalog", "plugins", "commands"])
def test_what_was_discovered_cannot_be_replaced(world, field):
    with pytest.raises(FrozenInstanceError):
        setattr(world, field, None)


def test_the_record_of_a_plugin_cannot_be_changed(world):
    with pytest.raises(FrozenInstanceError):
        world.catalog.record("acme").state = "blocked"

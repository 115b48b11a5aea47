"""Who may import whom."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LINTER = Path(sys.executable).parent / "lint-imports"


def test_import_contracts_are_kept(root):
    if not LINTER.exists():
        pytest.skip("import-linter is not installed")
    found = subprocess.run([LINTER, "--no-cache"], cwd=root, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout[-3000:]


def test_contract_catches_an_arrow_that_is_forbidden(root, tmp_path):
    if not LINTER.exists():
        pytest.skip("import-linter is not installed")
    shutil.copytree(root / "core" / "dressage", tmp_path / "dressage", ignore=shutil.ignore_patterns("__pycache__"))
    config = (root / ".importlinter").read_text()
    config = re.sub(r"\n    dressage_\w+", "", config).partition("[importlinter:contract:plugins]")[0]
    (tmp_path / ".importlinter").write_text(config)
    path = tmp_path / "dressage" / "host" / "suggest.py"
    path.write_text(path.read_text() + "\nimport dressage.run.loop\n")
    found = subprocess.run(
        [LINTER, "--no-cache"], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert found.returncode == 1
    assert "host imports spec alone BROKEN" in found.stdout


def test_every_plugin_is_under_contract(root):
    config = (root / ".importlinter").read_text()
    for package in sorted((root / "plugins").glob("*/dressage_*")):
        # root_packages, the plugins' contract, and their independence
        assert config.count(f"    {package.name}\n") == 3, package.name


def test_third_party_examples_see_the_public_part_alone(root):
    allowed = re.compile(r"^dressage(\.ops|_a2c|_shouting)?(\.|$)")
    found = modules_of_examples(root)
    assert {path.stem for path in found} >= {"dressage_shouting", "optimizer"}  # a module alone, and a package
    for path in found:
        for name in imports_of(path):
            assert not name.startswith("dressage") or allowed.match(name), f"{path}: {name}"
            assert not re.match(r"dressage\.(spec|host|run|cli|api|testing)\b", name), f"{path}: {name}"


def modules_of_examples(root: Path) -> list[Path]:
    shipped = (root / "examples").glob("third-party-*/dressage_*")
    return [module for path in shipped for module in (path.rglob("*.py") if path.is_dir() else [path])]


def imports_of(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found

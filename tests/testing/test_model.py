"""The tiny model is a real one: it loads offline, round-trips text, renders a chat, and is the same each time."""

from hashlib import sha256
from pathlib import Path
from typing import get_args

import pytest
from dressage.testing import Architecture, tiny_model

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

ARCHITECTURES = get_args(Architecture)
TEXTS = (
    "",
    "  two  spaces ",
    "不要这样做。",
    "שלום, מה שלומך؟ مرحبا",
    "🏇🏽 naïve\n\ttab\r\n",
    "'s n't , .",
    "\x00\x7f\ufffd",
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("tiny")
    return {name: tiny_model(root / name, name) for name in ARCHITECTURES}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_model_loads_offline_and_answers(folders: dict[str, Path], name: str) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(folders[name], local_files_only=True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folders[name], local_files_only=True)
    assert model.config.model_type == name
    assert model.config.num_hidden_layers == 4
    ids = tokenizer("hello there", return_tensors="pt").input_ids
    logits = model(ids).logits
    assert logits.shape == (1, ids.shape[1], len(tokenizer))
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("text", TEXTS)
def test_any_text_survives_the_tokenizer(folders: dict[str, Path], name: str, text: str) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folders[name])
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_specials_are_three_different_tokens(folders: dict[str, Path], name: str) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folders[name])
    ids = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}
    assert len(ids) == 3
    assert None not in ids
    assert len(tokenizer) < 600


@pytest.mark.parametrize(("name", "bos"), [("llama", 1), ("gemma2", 1), ("qwen2", 0), ("gpt2", 0)])
def test_bos_is_added_by_the_architectures_that_do(folders: dict[str, Path], name: str, bos: int) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folders[name])
    assert tokenizer("hi").input_ids.count(tokenizer.bos_token_id) == bos
    rendered = tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False)
    assert rendered.count("<s>") == bos


def test_template_is_chatml(folders: dict[str, Path]) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folders["qwen2"])
    turns = [{"role": "user", "content": "hi"}]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert text == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


def test_no_template_when_not_wanted(tmp_path: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_model(tmp_path, chat_template=False))
    assert tokenizer.chat_template is None


def test_same_arguments_give_the_same_bytes(folders: dict[str, Path], tmp_path: Path) -> None:
    torch.manual_seed(123)  # the caller's random state must not matter, nor change
    before = torch.get_rng_state()
    again = tiny_model(tmp_path / "again", "llama")
    assert torch.equal(torch.get_rng_state(), before)

    def digests(folder: Path) -> dict[str, str]:
        return {f.name: sha256(f.read_bytes()).hexdigest() for f in sorted(folder.iterdir())}

    assert digests(again) == digests(folders["llama"])
    other = tiny_model(tmp_path / "other", "llama", seed=1)
    assert digests(other)["model.safetensors"] != digests(again)["model.safetensors"]


def test_unknown_architecture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown architecture 'bert'"):
        tiny_model(tmp_path, "bert")

"""A tiny language model made on the spot: random weights, a real tokenizer, no download."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

Architecture: TypeAlias = Literal["llama", "qwen2", "qwen3", "mistral", "gemma", "gemma2", "gpt2"]

SPECIALS = {"pad_token": "<|endoftext|>", "bos_token": "<s>", "eos_token": "<|im_end|>"}
TURN = "<|im_start|>"
VOCABULARY = 512
LAYERS = 4
HIDDEN = 32
POSITIONS = 1024

ADDS_BOS = frozenset({"llama", "mistral", "gemma", "gemma2"})
"""Architectures whose tokenizers put a BOS in front of a plain text; their templates write it too, so that a caller
who encodes a rendered template with special tokens gets two."""

TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

CORPUS = (
    "How do I bake a loaf of bread at home? Mix flour, water, salt and yeast, and let the dough rise for two hours.",
    "I'm sorry, but I can't help with that. Is there something else that I can do for you today?",
    "The quick brown fox jumps over the lazy dog, and the dog does not care about the fox at all.",
    "You are a helpful assistant. Answer the question in one short sentence, please.",
    "A man and a woman walked to the market; he bought apples and she bought pears for the children.",
    "What is the capital of France? The capital of France is Paris, and it lies on the river Seine.",
    "今日は天気がいいです。今天天气很好。오늘은 날씨가 좋습니다.",
    "السلام عليكم ورحمة الله وبركاته. שלום עולם, מה שלומך היום?",
)


def tiny_model(
    folder: Path, architecture: Architecture = "llama", *, chat_template: bool = True, seed: int = 0
) -> Path:
    """Writes a model folder that `transformers` loads, and returns it; the same arguments give the same bytes.

    Four layers of width 32, random float32 weights, a byte-level BPE of under 600 tokens trained on eight sentences
    (any UTF-8 text survives encoding and decoding), BOS, EOS and PAD of their own, and a ChatML template unless
    `chat_template` is false. Raises `ValueError` for an architecture that it does not know.
    """
    if architecture not in get_args(Architecture):
        raise ValueError(f"unknown architecture {architecture!r}; choose one of {', '.join(get_args(Architecture))}")
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = tiny_tokenizer(architecture, chat_template=chat_template)
    tokenizer.save_pretrained(folder)
    network = _network(architecture, tokenizer, seed)
    with _no_bars():
        network.save_pretrained(folder)
    return folder


def tiny_tokenizer(architecture: Architecture = "llama", *, chat_template: bool = True) -> Any:
    """A fast tokenizer trained on the spot, as `tiny_model` saves it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    specials = [*SPECIALS.values(), TURN]
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=specials,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    bos = SPECIALS["bos_token"]
    adds_bos = architecture in ADDS_BOS
    if adds_bos:
        core.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, core.token_to_id(bos))]
        )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        additional_special_tokens=[TURN],
        clean_up_tokenization_spaces=False,
        model_max_length=POSITIONS,
        **SPECIALS,
    )
    if chat_template:
        tokenizer.chat_template = ("{{ bos_token }}" if adds_bos else "") + TEMPLATE
    return tokenizer


@contextmanager
def _no_bars() -> Iterator[None]:
    """Keeps transformers from drawing a bar for a file of half a megabyte."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _network(architecture: Architecture, tokenizer: Any, seed: int) -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        architecture,
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        initializer_range=0.1,  # the usual 0.02 makes every distribution flat, and a wrong token hard to see
        **_shape(architecture),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32)


def _shape(architecture: Architecture) -> Mapping[str, Any]:
    if architecture == "gpt2":
        return {"n_embd": HIDDEN, "n_layer": LAYERS, "n_head": 4, "n_positions": POSITIONS}
    shape: dict[str, Any] = {
        "hidden_size": HIDDEN,
        "intermediate_size": 64,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": POSITIONS,
        "tie_word_embeddings": architecture not in ("llama", "mistral"),
    }
    if architecture in ("qwen3", "gemma", "gemma2"):
        shape["head_dim"] = 8
    if architecture == "gemma2":
        shape |= {"query_pre_attn_scalar": 8, "sliding_window": 64}
    if architecture == "mistral":
        shape["sliding_window"] = None
    return shape

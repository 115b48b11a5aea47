"""Models with random weights, for benchmarks that need a shape and no knowledge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

SPECIALS = ("<pad>", "<s>", "</s>")


def write_llama(
    folder: Path, words: Sequence[str], *, width: int, layers: int, heads: int, mlp: int, seed: int = 0,
    spaced: bool = True, tied: bool = True, spread: float = 0.02, head_scale: float = 1.0,
) -> Path:  # fmt: skip
    """A Llama whose tokens are words, with spaces between them or letters without: a folder of transformers.

    Token ids are 0 to 2 for padding, beginning and end, then the words. `spread`: the weights' standard deviation.
    """
    import torch
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    pad, bos, eos = SPECIALS
    names = [*SPECIALS, *words]
    core = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token=pad))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit() if spaced else pre_tokenizers.Split(Regex("."), "isolated")
    if not spaced:
        core.decoder = decoders.Fuse()
    tokenizer: Any = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token=pad, bos_token=bos, eos_token=eos, model_max_length=512
    )
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(names), hidden_size=width, intermediate_size=mlp, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=heads, max_position_embeddings=512, tie_word_embeddings=tied,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, initializer_range=spread,
    )  # fmt: skip
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config)
    if head_scale != 1:
        model.lm_head.weight.data.mul_(head_scale)
    model.save_pretrained(folder)
    return folder

"""What each thing of a run takes, in bytes: pure functions of shapes and settings.

The letters of the formulas: s the bytes of a number of the base (2 in bfloat16, 4 in float32), H and I the widths of a
hidden state and of the feed-forward part, D the depth, K the layers with adapters, V the vocabulary, B rows, T tokens a
row, r the adapters' rank, Hq the query heads x their width.
"""

from __future__ import annotations

from dressage.ops.logprobs import CHUNK_LOGITS
from dressage.run.budget.shapes import Shapes, nf4_bytes
from dressage.spec.sections import AdapterConfig

FP32, FP64 = 4, 8


def base_weights(shapes: Shapes, size: int, quantize: str = "none") -> int:
    """s x weights; with NF4 the decoder layers' linear modules are packed, embeddings, norms and the head stay."""
    if quantize == "none":
        return shapes.parameters * size
    packed = sum(m.weights for m in shapes.linears)
    return (shapes.parameters - packed) * size + sum(nf4_bytes(m.weights) for m in shapes.linears)


def unpacking(shapes: Shapes, size: int, quantize: str) -> int:
    """Of a 4-bit base, one matrix at a time in the computation's own format: s x the largest."""
    return 0 if quantize == "none" else size * max((m.weights for m in shapes.linears), default=0)


def adapter_weights(shapes: Shapes, config: AdapterConfig) -> int:
    """One role's adapter: 4 r (inputs + outputs) over its modules, fp32 whatever the base is in."""
    return FP32 * config.r * sum(m.inputs + m.outputs for m in shapes.adapted(config.layers, config.targets))


def optimizer_state(trained: int) -> int:
    """Of `trained` bytes of weights under AdamW: a gradient and two moments, each as large as the weights."""
    return 3 * trained


def head_weights(shapes: Shapes) -> int:
    """A linear head, fp32: 4 (H + 1)."""
    return FP32 * (shapes.hidden + 1)


def bilinear_weights(shapes: Shapes) -> int:
    """A bilinear head, fp32: 4 H (H + 1)."""
    return FP32 * shapes.hidden * (shapes.hidden + 1)


def ridge_sums(shapes: Shapes) -> int:
    """What a ridge head is solved from, in double precision: 8 (H + 1)(H + 2)."""
    return FP64 * (shapes.hidden + 1) * (shapes.hidden + 2)


def ridge_solution(shapes: Shapes, tokens: int) -> int:
    """The most while the head is solved: features twice, 16 N (H + 1), or once beside three matrices (H + 1)^2."""
    features, matrix = FP64 * tokens * (shapes.hidden + 1), FP64 * (shapes.hidden + 1) ** 2
    return max(2 * features, features + 3 * matrix)


def merged_copies(shapes: Shapes, config: AdapterConfig, size: int, quantize: str) -> int:
    """While sampling, adapted modules exist twice: s x their weights, and while one is made its delta and sum in fp32.

    A 4-bit base is not merged into.
    """
    if quantize != "none":
        return 0
    modules = shapes.adapted(config.layers, config.targets)
    making = FP32 * (2 if size == FP32 else 3) * max((m.weights for m in modules), default=0)
    return size * sum(m.weights for m in modules) + making


def cache(shapes: Shapes, size: int, rows: int, tokens: int) -> int:
    """Keys and values: 2 s B T (heads x width) a layer, T at most the layer's window; one layer twice as it grows."""
    each = [_cached(shapes, size, rows, min(tokens, layer.window or tokens)) for layer in shapes.layers]
    return sum(each) + max(each, default=0)


def _cached(shapes: Shapes, size: int, rows: int, tokens: int) -> int:
    return 2 * size * rows * tokens * shapes.kv_heads * shapes.head_width


def repeated_heads(shapes: Shapes, size: int, rows: int, tokens: int) -> int:
    """Grouped-query attention repeats one layer's keys and values for all query heads: 2 s B T Hq."""
    return 0 if shapes.kv_heads == shapes.heads else 2 * size * rows * tokens * shapes.heads * shapes.head_width


def states(shapes: Shapes, size: int, tokens: int) -> int:
    """Kept hidden states: s H a token."""
    return size * shapes.hidden * tokens


def passing(shapes: Shapes, size: int, tokens: int) -> int:
    """The most of a forward pass without gradient: s (2 H + 3 I) a token: states twice, gate, up, product."""
    return size * tokens * (2 * shapes.hidden + (3 if shapes.gated else 2) * shapes.inner)


def mask(rows: int, tokens: int) -> int:
    """The attention mask of padded rows: B T^2 bytes, and as many while it is made."""
    return 2 * rows * tokens * tokens


def saved_a_layer(shapes: Shapes, layer: int, config: AdapterConfig, size: int, *, padded: bool = True) -> int:
    """What backward needs of one decoder layer, a token.

    Two norms: 2 (4 H + s H + 4), their input in fp32, output and scale. Attention: s (2 Hq + 2 Hk) + 4 heads: queries,
    output, keys, values, its sums; Hq and Hk are heads x width of queries and of keys, and Hk = Hq in padded
    rows, for which keys and values are repeated. Feed-forward: 4 s I gated (gate, its activation, up, product), else
    3 s I. Adapters: s r a module.
    """
    queries = shapes.heads * shapes.head_width
    keys = queries if padded else shapes.kv_heads * shapes.head_width
    norms = 2 * ((FP32 + size) * shapes.hidden + FP32)
    attention = size * 2 * (queries + keys) + FP32 * shapes.heads
    forward = (4 if shapes.gated else 3) * size * shapes.inner
    modules = [m for m in shapes.layers[layer].linears if config.targets is None or m.called(config.targets)]
    return norms + attention + forward + size * config.r * len(modules)


def activations(
    shapes: Shapes, config: AdapterConfig, size: int, rows: int, tokens: int, *, padded: bool = True
) -> int:
    """Of one microbatch with gradient: B T x what the K top layers keep; of padded rows also s B T^2 a layer, its mask.

    The lowest of these layers keeps no input of its first norm (no gradient goes there), the last norm keeps its own.
    """
    first = shapes.depth - min(config.layers or shapes.depth, shapes.depth)
    layers = [saved_a_layer(shapes, i, config, size, padded=padded) for i in range(first, shapes.depth)]
    kept = len(layers)
    a_token = sum(layers)
    if config.gradient_checkpointing:  # each layer's input, and all of the one that is computed again
        a_token, kept = size * shapes.hidden * len(layers) + max(layers), 1
    masks = kept * size * rows * tokens * tokens if padded else 0
    return rows * tokens * a_token + masks


def logits_chunk(shapes: Shapes, tokens: int, *, entropy_gradient: bool = False) -> int:
    """Logits at a time: 4 V by as many tokens as make 32 MiB; three such, four where the entropy carries a gradient.

    That is what a GPU holds, or a model with a soft cap; on a CPU, by tiles, it is less.
    """
    rows = min(tokens, max(1, CHUNK_LOGITS // shapes.vocabulary))
    return (4 if entropy_gradient else 3) * FP32 * rows * shapes.vocabulary


def drawing(shapes: Shapes, rows: int) -> int:
    """Drawing one token a row: logits in fp32, the sums of their exponentials in double: 12 B V."""
    return 12 * rows * shapes.vocabulary

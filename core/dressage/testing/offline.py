"""What every offline optimizer, and every fitted reward, must do; torch is imported by the tests, not by the module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from dressage.spec.types import Example, Shape, Tokens
from dressage.testing.contract import Contract
from dressage.testing.encoder import VOCABULARY, ByteEncoder
from dressage.testing.filter import rows
from dressage.testing.online import check_losses, number

if TYPE_CHECKING:
    from torch import Tensor

    from dressage.spec.policy import SequenceOutputs

ITEMS = 6
TOKENS = 5
JUNK = 1e3


class SequenceContract(Contract):
    """`collate` and `loss`, as offline optimizers and fitted rewards have them."""

    learns_from: ClassVar[Sequence[Shape]] = ()
    """The shapes of row it can use; by default what its `needs` names (`comparisons`: comparison)."""
    leaf: ClassVar[str] = "logprobs"
    """The field of `SequenceOutputs` that the loss trains."""
    unit: ClassVar[str | None] = None
    """What the loss is a mean over; by default what the component says."""

    def examples(self) -> list[Example]:
        """Rows of every shape; the plain ones come first."""
        return rows(self.columns)

    def shapes(self) -> Sequence[str]:
        """The shapes that `collate` must be able to use."""
        return self.learns_from or (getattr(self.component, "needs", "comparisons").removesuffix("s"),)

    def collated(self) -> tuple[Tokens, ...]:
        """The sequences of the first row that the component can use."""
        optimizer = self.make()
        for example in self.examples():
            if example.shape in self.shapes() and (sequences := optimizer.collate(example, ByteEncoder())):
                return tuple(sequences)
        raise AssertionError(f"collate gave None for every row of shape {' or '.join(self.shapes())}")

    def outputs(self) -> SequenceOutputs:
        """What a model would say of six items; the leaf collects gradients."""
        import torch

        from dressage.spec.policy import SequenceOutputs

        generator = torch.Generator().manual_seed(0)
        sequences = len(self.collated())
        shape = (ITEMS, sequences, TOKENS)

        def noise(*size: int) -> Tensor:
            return torch.randn(*size, generator=generator).to(self.device)

        lengths = torch.randint(1, TOKENS + 1, shape[:2], generator=generator).to(self.device)
        mask = (torch.arange(TOKENS, device=self.device) < lengths[..., None]).float()
        made = SequenceOutputs(
            logprobs=-noise(*shape).abs() * mask,
            mask=mask,
            ref_logprobs=-noise(*shape).abs() * mask if getattr(self.component, "needs_reference", False) else None,
            scores=noise(*shape[:2]) if self.leaf == "scores" else None,
            correct=(noise(*shape) > 0).float() * mask,
        )
        return _with_leaf(made, self.leaf)

    def test_collates_the_rows_it_needs(self) -> None:
        """Each sequence has ids of the vocabulary, a mask as long as they are, and something learnt."""
        for tokens in self.collated():
            assert isinstance(tokens, Tokens), f"collate gave a {type(tokens).__name__}, not Tokens"
            assert len(tokens.ids) == len(tokens.mask), f"{len(tokens.ids)} ids, but a mask of {len(tokens.mask)}"
            assert all(0 <= i < VOCABULARY for i in tokens.ids), "an id is not in the vocabulary"
            assert any(tokens.mask), "no token is learnt; the mask is all false"

    def test_collates_or_refuses_every_row(self) -> None:
        """Every shape, script and length gives sequences, the same number each time, or None; never an error."""
        optimizer, counts = self.make(), set()
        for example in self.examples():
            sequences = optimizer.collate(example, ByteEncoder(limit=100_000))
            if sequences is not None:
                counts.add(len(sequences))
                equal = all(len(t.ids) == len(t.mask) for t in sequences)
                assert equal, f"{example.origin}: ids and mask differ in length"
        assert len(counts) == 1, f"items have {sorted(counts)} sequences; all must have the same number"

    def test_collate_changes_nothing_and_repeats_itself(self) -> None:
        """The same row gives the same sequences, also in a fresh instance."""
        first, second, encode = self.make(), self.make(), ByteEncoder(limit=100_000)
        for example in self.examples():
            assert first.collate(example, encode) == second.collate(example, encode), f"{example.origin} differs"

    def test_loss_is_a_scalar_with_a_gradient(self) -> None:
        """It reaches what is trained."""
        outputs = self.outputs()
        losses = self.make().loss(outputs)
        check_losses(losses)
        losses.loss.backward()
        gradient = getattr(outputs, self.leaf).grad
        assert gradient is not None, f"the loss does not depend on outputs.{self.leaf}"
        assert bool(gradient.isfinite().all()), "the gradient is not finite"
        assert bool(gradient.abs().sum() > 0), "the gradient is zero"

    def test_loss_ignores_masked_tokens(self) -> None:
        """Whatever they hold, the loss is the same."""
        outputs = self.outputs()
        junk = JUNK * (1 - outputs.mask)
        reference = None if outputs.ref_logprobs is None else outputs.ref_logprobs - junk
        dirty = replace(outputs, logprobs=outputs.logprobs.detach() + junk, ref_logprobs=reference)
        plain, other = (number(self.make().loss(_with_leaf(part, self.leaf)).loss) for part in (outputs, dirty))
        assert _near(plain, other), f"the loss is {plain}, and {other} with other values at masked tokens"

    def test_loss_ignores_padding(self) -> None:
        """Three more masked columns change nothing."""
        from torch.nn.functional import pad

        outputs = self.outputs()
        wide = {
            name: pad(tensor.detach(), (0, 3))
            for name, tensor in vars(outputs).items()
            if tensor is not None and name != "scores"
        }
        padded = _with_leaf(replace(outputs, **wide), self.leaf)
        plain, other = number(self.make().loss(outputs).loss), number(self.make().loss(padded).loss)
        assert _near(plain, other), f"the loss is {plain}, and {other} with wider padding"

    def test_loss_is_a_mean_over_its_unit(self) -> None:
        """Two microbatches, weighted by their count of units, make the loss of the whole."""
        optimizer, outputs = self.make(), self.outputs()
        unit = self.unit or optimizer.unit
        total, count = 0.0, 0.0
        for part in (slice(0, 2), slice(2, None)):
            some = _with_leaf(_items(outputs, part), self.leaf)
            units = float(some.mask.sum()) if unit == "token" else float(len(some.mask))
            total, count = total + units * number(optimizer.loss(some).loss), count + units
        whole = number(optimizer.loss(outputs).loss)
        assert _near(whole, total / count), (
            f"the loss of the whole is {whole}, but {total / count} put together from two microbatches "
            f"weighted by {unit}s; take masked_mean, or set `unit`"
        )

    def test_loss_bears_a_single_item(self) -> None:
        """A microbatch of one item with one learnt token is finite."""
        outputs = _items(self.outputs(), slice(0, 1))
        mask = outputs.mask.clone()
        mask[..., 1:] = 0
        check_losses(self.make().loss(_with_leaf(replace(outputs, mask=mask), self.leaf)))


class OfflineContract(SequenceContract):
    """The contract of an `OfflineOptimizer`; `OptimizerContract` chooses it by itself."""


class FittedRewardContract(SequenceContract):
    """The contract of a `FittedReward`: the loss trains `outputs.scores`, and is a mean over items."""

    leaf = "scores"
    unit = "item"

    def test_declares_its_goal(self) -> None:
        """`goal` is `max` or `min`."""
        assert self.make().goal in ("max", "min")


def _with_leaf(outputs: SequenceOutputs, leaf: str) -> SequenceOutputs:
    changed: dict[str, Any] = {leaf: getattr(outputs, leaf).detach().clone().requires_grad_()}
    return replace(outputs, **changed)


def _items(outputs: SequenceOutputs, part: slice) -> SequenceOutputs:
    taken: dict[str, Any] = {name: tensor[part] for name, tensor in vars(outputs).items() if tensor is not None}
    return replace(outputs, **taken)


def _near(left: float, right: float) -> bool:
    return abs(left - right) <= 1e-4 * max(1.0, abs(left))

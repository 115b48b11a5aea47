"""A key-value cache with room for the tokens to come, so that a step of sampling copies none of those before it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


def roomy_cache(config: Any, room: int) -> DynamicCache:
    """An empty cache of a model; where it grows, it grows by `room` tokens more. Sliding windows stay as they are."""
    cache = DynamicCache(config=config)
    cache.layers = [RoomyLayer(room) if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


class RoomyLayer(DynamicLayer):  # type: ignore[misc]
    """A layer whose keys and values [B, heads, T, D] are the first T places of longer tensors."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self._places: tuple[Tensor, Tensor] | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Puts new keys and values behind the others; both as they are then."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        before = self.get_seq_length()
        after = before + key_states.shape[-2]
        if self._places is None or self._places[0].shape[-2] < after:
            self._places = (
                self._longer(self.keys, key_states, before, after),
                self._longer(self.values, value_states, before, after),
            )
        for place, new in zip(self._places, (key_states, value_states), strict=True):
            place[:, :, before:after] = new
        self._show(after)
        return self.keys, self.values

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Each row `repeats` times, without room: the next tokens may be many."""
        super().batch_repeat_interleave(repeats)
        self._places = None

    def batch_select_indices(self, indices: Tensor) -> None:
        """Some rows alone, in that order."""
        if self._places is None:
            super().batch_select_indices(indices)
            return
        length = self.get_seq_length()
        self._places = (self._places[0][indices], self._places[1][indices])
        self._show(length)

    def _longer(self, old: Tensor, new: Tensor, before: int, after: int) -> Tensor:
        batch, heads, _, width = new.shape
        place = torch.empty(batch, heads, after + self.room, width, dtype=new.dtype, device=new.device)
        if before:
            place[:, :, :before] = old
        return place

    def _show(self, length: int) -> None:
        assert self._places is not None
        self.keys, self.values = (place[:, :, :length] for place in self._places)

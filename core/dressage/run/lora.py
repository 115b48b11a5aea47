"""LoRA adapters as roles on one base: peft makes, owns and saves them; the engine computes them.

The engine's path is y = W x + (alpha / r) B (A x), with A and B cast to the activations' type: the same parameters and
the same numbers as peft's own forward (a test holds it), without its casts and copies. Which adapter is active is a
property of the set, not of `requires_grad`, so that two roles can take part in one backward pass.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from dressage.spec.errors import ModelError
from dressage.spec.sections import AdapterConfig

POLICY = "default"
"""The policy's adapter has peft's default name, so that what is saved loads in plain peft."""


class AdapterSet:
    """All adapters on one base; `active` names the one that a forward pass uses, None for the bare base."""

    def __init__(self, model: Any, config: AdapterConfig) -> None:
        from peft import get_peft_model

        self.depth = int(model.config.get_text_config().num_hidden_layers)
        self.config = config
        self.layers = min(config.layers or self.depth, self.depth)
        self._targets = _targets(model, config.targets)
        self.peft = get_peft_model(model, self._lora_config(), adapter_name=POLICY)
        self.active: str | None = POLICY
        self.names: list[str] = [POLICY]
        self._modules = _lora_modules(self.peft)
        self._attach()

    @property
    def split(self) -> int:
        """The lowest layer that has adapters: everything below is the same in all roles."""
        return self.depth - self.layers

    def add(self, name: str) -> None:
        """A new adapter that changes nothing yet (B is zero)."""
        self.peft.add_adapter(name, self._lora_config())
        self.names.append(name)
        self._attach()

    def parameters(self, name: str) -> list[nn.Parameter]:
        """The trainable weights of one adapter, fp32."""
        return list(self.named_parameters(name).values())

    def named_parameters(self, name: str) -> dict[str, nn.Parameter]:
        """The weights of one adapter by module path."""
        found: dict[str, nn.Parameter] = {}
        for path, module in self._modules.items():
            found[f"{path}.lora_A"] = module.lora_A[name].weight
            found[f"{path}.lora_B"] = module.lora_B[name].weight
        return found

    def state(self, name: str) -> dict[str, Tensor]:
        """A copy of one adapter's weights, on the CPU."""
        return {path: p.detach().to("cpu", copy=True) for path, p in self.named_parameters(name).items()}

    def fingerprint(self, name: str | None) -> str:
        """A hash of one adapter's weights; empty for the bare base."""
        digest = hashlib.sha256()
        for weights in self.state(name).values() if name is not None else ():
            digest.update(weights.numpy().tobytes())
        return digest.hexdigest() if name is not None else ""

    def load(self, name: str, state: dict[str, Tensor]) -> None:
        """Puts weights from `state` back, bit for bit."""
        with torch.no_grad():
            for path, parameter in self.named_parameters(name).items():
                parameter.copy_(state[path])

    @contextmanager
    def use(self, name: str | None) -> Iterator[None]:
        """Forward passes inside use this adapter; None for the bare base."""
        before, self.active = self.active, name
        self._tell_peft()
        try:
            yield
        finally:
            self.active = before
            self._tell_peft()

    @contextmanager
    def merged(self, name: str | None) -> Iterator[None]:
        """Forward passes inside run on base weights with the adapter added; the old weights are put back as they were.

        A 4-bit base cannot be merged into: there the adapter runs beside it.
        """
        if name is None or any(
            not isinstance(m.base_layer.weight.data, Tensor) or _packed(m) for m in self._modules.values()
        ):
            with self.use(name):
                yield
            return
        kept = {path: module.base_layer.weight.data for path, module in self._modules.items()}
        with torch.no_grad(), self.use(None):
            try:
                for module in self._modules.values():
                    weight = module.base_layer.weight
                    delta = module.scaling[name] * (module.lora_B[name].weight @ module.lora_A[name].weight)
                    delta = delta.T if module.fan_in_fan_out else delta
                    weight.data = (weight.data.float() + delta).to(weight.dtype)
                yield
            finally:
                for path, module in self._modules.items():
                    module.base_layer.weight.data = kept[path]

    def save(self, folder: Path) -> None:
        """The policy's adapter as plain peft saves it."""
        self.peft.save_pretrained(folder, selected_adapters=[POLICY])

    def load_saved(self, folder: Path) -> None:
        """Puts an adapter that peft saved into the policy's place. Raises `ModelError` where it does not fit."""
        from peft import get_peft_model_state_dict, set_peft_model_state_dict
        from peft.utils import load_peft_weights

        if not (folder / "adapter_config.json").exists():
            raise ModelError(f"{folder}: no adapter here (adapter_config.json is missing); give a run's `model` folder")
        alpha = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8")).get("lora_alpha")
        found = load_peft_weights(str(folder), device="cpu")
        wanted = get_peft_model_state_dict(self.peft, adapter_name=POLICY, save_embedding_layers=False)
        shapes = [{path: weight.shape for path, weight in weights.items()} for weights in (found, wanted)]
        if shapes[0] != shapes[1] or alpha != self._lora_config().lora_alpha:
            raise ModelError(f"{folder}: the adapter has other layers, rank or alpha than the YAML's model.adapter")
        set_peft_model_state_dict(self.peft, found, adapter_name=POLICY)

    def _lora_config(self) -> Any:
        from peft import LoraConfig

        last = list(range(self.split, self.depth)) if self.layers < self.depth else None
        return LoraConfig(
            r=self.config.r,
            lora_alpha=self.config.alpha or 2 * self.config.r,
            target_modules=self._targets,
            layers_to_transform=last,
            lora_dropout=0.0,
            task_type="CAUSAL_LM",
        )

    def _attach(self) -> None:
        """fp32 weights that all may learn (who learns is the optimizer's list), and the engine's forward."""
        for module in self._modules.values():
            for name in self.names:
                for part in (module.lora_A[name], module.lora_B[name]):
                    part.to(torch.float32).requires_grad_(True)
            if self.config.forward == "fast":
                module.forward = _forward(self, module)
        self._tell_peft()

    def _tell_peft(self) -> None:
        if self.config.forward == "peft":
            for module in self._modules.values():
                module._disable_adapters = self.active is None
                module._active_adapter = [self.active or POLICY]


def _forward(adapters: AdapterSet, module: Any) -> Any:
    base, down, up, scaling = module.base_layer, module.lora_A, module.lora_B, module.scaling

    def forward(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        out: Tensor = base(x)
        name = adapters.active
        if name is None:
            return out
        inner = functional.linear(x, down[name].weight.to(x.dtype)).flatten(0, -2)
        total = torch.addmm(out.flatten(0, -2), inner, up[name].weight.to(x.dtype).T, alpha=scaling[name])
        return total.view(out.shape)

    return forward


def _lora_modules(model: nn.Module) -> dict[str, Any]:
    from peft.tuners.lora import LoraLayer

    return {path: module for path, module in model.named_modules() if isinstance(module, LoraLayer)}


def _packed(module: Any) -> bool:
    return not torch.is_floating_point(module.base_layer.weight.data)


def _targets(model: Any, wanted: Sequence[str] | None) -> list[str]:
    """The names of the modules that get adapters; by default of all linear ones in the first decoder layer.

    Raises `ModelError` for a name that no linear module of any layer has: what lies outside is shared by all roles.
    """
    layers = [[path for path, m in layer.named_modules() if _linear(m)] for layer in decoder_layers(model)]
    names = sorted({path.rsplit(".", 1)[-1] for path in layers[0]})
    for name in wanted or ():
        if not any(f".{path}".endswith(f".{name}") for paths in layers for path in paths):
            raise ModelError(
                f"model.adapter.targets: no linear module of the decoder layers is called {name!r}; there are:"
                f" {', '.join(names)}"
            )
    return list(wanted or names)


def _linear(module: nn.Module) -> bool:
    """Whether it is a linear layer, of whatever class (`Linear4bit` and `FalconLinear` are such), or GPT-2's."""
    return isinstance(module, nn.Linear) or type(module).__name__ in ("Linear4bit", "Conv1D")


def decoder_layers(model: Any) -> nn.ModuleList:
    """The list of decoder layers, wherever the architecture keeps it."""
    depth = model.config.get_text_config().num_hidden_layers
    lists = [m for m in model.modules() if isinstance(m, nn.ModuleList) and len(m) == depth]
    if not lists:
        raise ModelError("model.base: no list of decoder layers found; take a causal language model of attention alone")
    return lists[0]

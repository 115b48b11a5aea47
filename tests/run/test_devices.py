"""Which number format `auto` takes: bfloat16 where the machine multiplies it natively, else float32."""

from __future__ import annotations

import pytest
import torch
from dressage.run import devices
from dressage.run.devices import choose_dtype

CPUS = {
    "bfloat16 instructions": ("AVX512", {"avx512f", "avx512_bf16"}, torch.bfloat16),
    "bfloat16 tiles": ("AVX512", {"avx512f", "amx_bf16"}, torch.bfloat16),
    "wide registers alone": ("AVX512", {"avx512f", "avx512bw"}, torch.float32),
    "a torch that uses narrow ones": ("AVX2", {"avx512f", "avx512_bf16"}, torch.float32),
    "neither": ("DEFAULT", set(), torch.float32),
}
"""What torch uses of a CPU, the flags that the CPU has, and what is to be chosen."""


@pytest.mark.parametrize(("capability", "flags", "chosen"), CPUS.values(), ids=CPUS.keys())
def test_a_cpu_gets_bfloat16_where_it_multiplies_it(monkeypatch, capability, flags, chosen):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(devices, "_cpu_flags", lambda: flags)
    assert choose_dtype("auto", torch.device("cpu")) is chosen


@pytest.mark.parametrize(
    ("capability", "chosen"), [((7, 5), torch.float32), ((8, 0), torch.bfloat16), ((9, 0), torch.bfloat16)]
)
def test_a_gpu_gets_bfloat16_from_ampere_on(monkeypatch, capability, chosen):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert choose_dtype("auto", torch.device("cuda", 0)) is chosen


def test_other_devices_get_float32():
    assert choose_dtype("auto", torch.device("mps")) is torch.float32


@pytest.mark.parametrize("native", [True, False])
def test_a_base_is_loaded_in_the_format_that_was_chosen(monkeypatch, make_base, native):
    monkeypatch.setattr(devices, "multiplies_bfloat16", lambda device: native)
    expected = torch.bfloat16 if native else torch.float32
    assert {p.dtype for p in make_base(dtype="auto").model.parameters()} == {expected}


@pytest.mark.parametrize("native", [True, False])
def test_a_format_that_is_asked_for_is_used_whatever_the_machine_does_well(monkeypatch, native):
    monkeypatch.setattr(devices, "multiplies_bfloat16", lambda device: native)
    assert choose_dtype("float16", torch.device("cpu")) is torch.float16

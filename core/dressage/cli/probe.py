"""`python -m dressage.cli.probe`: prints what the engine's libraries say of this machine, as JSON."""

from __future__ import annotations

import json
from typing import Any


def facts() -> dict[str, Any]:
    """Versions, threads, device, and whether bfloat16 is native on it."""
    import torch
    import transformers

    from dressage.run.devices import choose_device, describe, multiplies_bfloat16

    device = choose_device("auto")
    return {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "threads": torch.get_num_threads(),
        "device": device.type,
        "described": describe(device),
        "bfloat16": multiplies_bfloat16(device),
        "gpu_bytes": torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else None,
    }


if __name__ == "__main__":
    try:
        found = facts()
    except Exception as error:
        found = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(found))

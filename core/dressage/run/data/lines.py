"""The lines of a JSONL file, plain or gzipped, as text with 1-based numbers."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from dressage.spec.errors import DataError

_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_WIDE = (b"\xff\xfe", b"\xfe\xff")


def digest(path: Path) -> str:
    """The SHA-256 of a file as it lies on disk; raises `DataError` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: {_reason(path, error)}") from error


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers; raises `DataError` where the file is no UTF-8 text."""
    number = 0
    try:
        with _open(path) as file:
            for number, raw in enumerate(file, 1):
                text = _decode(path, number, raw)
                if text:
                    yield number, text
    except OSError as error:
        raise DataError(f"{path}: {_reason(path, error)}") from error
    except (EOFError, zlib.error) as error:
        raise DataError(
            f"{path}: the gzip data is cut off or damaged after line {number}; make the file anew"
        ) from error


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        head = file.read(2)
    # The content decides, so that a gzipped file without the suffix (and an unzipped one with it) can be read.
    return cast(BinaryIO, gzip.open(path, "rb")) if head == _GZIP else path.open("rb")


def _decode(path: Path, number: int, raw: bytes) -> str:
    if number == 1:
        if raw[:2] in _WIDE:
            raise DataError(f"{path}: is UTF-16, not UTF-8; convert it, as with `iconv -f UTF-16 -t UTF-8`")
        raw = raw.removeprefix(_BOM)
    try:
        return raw.decode("utf-8").strip(" \t\r\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}:{number}: is not UTF-8 (byte {error.start + 1} of the line); convert the file") from (
            error
        )


def _reason(path: Path, error: OSError) -> str:
    if isinstance(error, gzip.BadGzipFile):
        return "the gzip data is damaged; make the file anew"
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if path.is_dir():
        return "is a directory; name a JSONL file"
    return f"cannot be read ({(error.strerror or str(error)).lower()})"

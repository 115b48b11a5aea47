"""A row's JSON object to an `Example`, by the fields it has."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NoReturn

from dressage.run.data.dialogue import (
    BadRow,
    Dialogue,
    is_transcript,
    prompt_of,
    reply_of,
    require_user,
    text_of,
    transcript_of,
    turns_of,
)
from dressage.spec.types import Example, Origin

_NO_COLUMNS: Mapping[str, Any] = MappingProxyType({})
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")
_KNOWN = "prompt, text, messages, prompt or text with response, or prompt with chosen and rejected"


def parse(line: str, origin: Origin) -> tuple[Example, str]:
    """The example in a line, and its shape in words; raises `BadRow` with the reason where there is none."""
    row = _object(line)
    # Raw JSON cannot hold NUL or a lone surrogate; only an escape can bring one in.
    if "\\u" in line:
        for text in _strings(row):
            if found := _UNWRITABLE.search(text):
                raise BadRow("has a NUL character" if found[0] == "\x00" else "has a lone surrogate (broken text)")
    if "chosen" in row or "rejected" in row:
        return _comparison(row, origin)
    if "prompt" in row and ("response" in row or "completion" in row):
        return _demonstration(row, origin)
    if "messages" in row:
        return _messages(row, origin)
    if "prompt" in row:
        return Example(prompt_of(row["prompt"]), columns=_rest(row, "prompt"), origin=origin), "prompt (prompt)"
    if "text" in row and "response" in row:
        return _continuation(row, origin)
    if "text" in row:
        text = text_of(row["text"], "text")
        return Example(text=text, columns=_rest(row, "text"), origin=origin), "text (text)"
    found_fields = ", ".join(list(row)[:6]) or "none"
    raise BadRow(f"has no fields that are known: {_KNOWN} (found: {found_fields})")


def _object(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError as error:
        raise BadRow("is not JSON that can be read (nested too deep)") from error
    except ValueError as error:
        reason = error.msg.lower() if isinstance(error, json.JSONDecodeError) else str(error)
        raise BadRow(f"is not JSON ({reason})") from error
    if not isinstance(row, dict):
        raise BadRow("is not a JSON object; write one object a line")
    return row


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is too large a number")
    return value


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _comparison(row: dict[str, Any], origin: Origin) -> tuple[Example, str]:
    for field, other in (("chosen", "rejected"), ("rejected", "chosen")):
        if field not in row:
            raise BadRow(f"has {other} but no {field}")
    chosen, rejected = row["chosen"], row["rejected"]
    if "prompt" in row:
        return _prompted_comparison(row, origin)
    if is_transcript(chosen) and is_transcript(rejected):
        *before, answer = transcript_of(chosen, "chosen")
        *before_other, other_answer = transcript_of(rejected, "rejected")
        label, texts = "comparison (chosen, rejected transcripts)", (answer.content, other_answer.content)
        prompt, prompt_other = tuple(before), tuple(before_other)
    elif isinstance(chosen, list) and isinstance(rejected, list):
        prompt, first = reply_of(chosen, "chosen")
        prompt_other, second = reply_of(rejected, "rejected")
        label, texts = "comparison (chosen, rejected messages)", (first, second)
    else:
        raise BadRow("has chosen and rejected but no prompt")
    if prompt != prompt_other:
        raise BadRow("chosen and rejected differ before the last turn")
    require_user(prompt, "chosen")
    columns = _rest(row, "chosen", "rejected")
    return Example(prompt, chosen=texts[0], rejected=texts[1], columns=columns, origin=origin), label


def _prompted_comparison(row: dict[str, Any], origin: Origin) -> tuple[Example, str]:
    prompt = prompt_of(row["prompt"])
    before, chosen = reply_of(row["chosen"], "chosen")
    before_other, rejected = reply_of(row["rejected"], "rejected")
    if before and before_other and before != before_other:
        raise BadRow("chosen and rejected differ before the last turn")
    prompt = _merged(prompt, before or before_other, "chosen" if before else "rejected")
    columns = _rest(row, "prompt", "chosen", "rejected")
    example = Example(prompt, chosen=chosen, rejected=rejected, columns=columns, origin=origin)
    return example, "comparison (prompt, chosen, rejected)"


def _demonstration(row: dict[str, Any], origin: Origin) -> tuple[Example, str]:
    field = "response" if "response" in row else "completion"
    before, response = reply_of(row[field], field)
    prompt = _merged(prompt_of(row["prompt"]), before, field)
    example = Example(prompt, response=response, columns=_rest(row, "prompt", field), origin=origin)
    return example, f"demonstration (prompt, {field})"


def _continuation(row: dict[str, Any], origin: Origin) -> tuple[Example, str]:
    text, response = text_of(row["text"], "text"), text_of(row["response"], "response")
    example = Example(text=text, response=response, columns=_rest(row, "text", "response"), origin=origin)
    return example, "demonstration (text, response)"


def _merged(prompt: Dialogue, before: Dialogue, field: str) -> Dialogue:
    """The longer of a prompt and the turns that an answer field repeats, if these end with the prompt."""
    if before and before[-len(prompt) :] != prompt:
        raise BadRow(f"the turns of {field} before its last do not end with the prompt")
    return before or prompt


def _messages(row: dict[str, Any], origin: Origin) -> tuple[Example, str]:
    turns, columns = turns_of(row["messages"], "messages"), _rest(row, "messages")
    if turns[-1].role == "system":
        raise BadRow("messages ends with a system turn")
    if turns[-1].role == "user":
        return Example(turns, columns=columns, origin=origin), "prompt (messages)"
    prompt = require_user(turns[:-1], "messages")
    return Example(prompt, response=turns[-1].content, columns=columns, origin=origin), "demonstration (messages)"


def _rest(row: dict[str, Any], *used: str) -> Mapping[str, Any]:
    return {key: value for key, value in row.items() if key not in used} or _NO_COLUMNS

"""Dialogues in a row: message lists, plain strings, and transcripts (`Human: ...`, `Assistant: ...` in one string)."""

from __future__ import annotations

import re
from typing import Any, cast, get_args

from dressage.spec.types import Message, Role

_ROLES = get_args(Role)
_TURN = re.compile(r"(?:^|\n\n)(Human|Assistant):")
_SPEAKER: dict[str, Role] = {"Human": "user", "Assistant": "assistant"}

Dialogue = tuple[Message, ...]


class BadRow(Exception):
    """Why a row cannot be used; becomes the reason that the log and the report give."""


def text_of(value: Any, field: str) -> str:
    """A string that is not blank."""
    if not isinstance(value, str):
        raise BadRow(f"{field} is {_kind(value)}, not a string")
    if not value.strip():
        raise BadRow(f"{field} is empty")
    return value


def prompt_of(value: Any, field: str = "prompt") -> Dialogue:
    """What is answered: a string is one user turn; a message list must end with a user turn."""
    turns = turns_of(value, field) if isinstance(value, list) else (Message("user", text_of(value, field)),)
    require_user(turns, field)
    if turns[-1].role != "user":
        raise BadRow(f"{field} ends with {_a(turns[-1].role)} turn, not a user turn")
    return turns


def reply_of(value: Any, field: str) -> tuple[Dialogue, str]:
    """An answer, with the turns that the field repeats before it (none where it is a string)."""
    if not isinstance(value, list):
        return (), text_of(value, field)
    turns = turns_of(value, field)
    if turns[-1].role != "assistant":
        raise BadRow(f"{field} ends with {_a(turns[-1].role)} turn, not an assistant turn")
    return turns[:-1], turns[-1].content


def turns_of(value: Any, field: str) -> Dialogue:
    """A list of `{"role", "content"}`; at least one."""
    if not isinstance(value, list):
        raise BadRow(f"{field} is {_kind(value)}, not a list of messages")
    if not value:
        raise BadRow(f"{field} is empty")
    return tuple(_turn(item, f"{field}[{index}]") for index, item in enumerate(value))


def is_transcript(value: Any) -> bool:
    """Whether a string is a dialogue written out as `Human: ...`, `Assistant: ...`."""
    return isinstance(value, str) and value.lstrip().startswith("Human:")


def transcript_of(value: Any, field: str) -> Dialogue:
    """The turns of a transcript, each without the white space around it; only the last may not be empty."""
    pieces = _TURN.split("\n\n" + text_of(value, field).strip())
    if pieces[0].strip():
        raise BadRow(f"{field} does not begin with `Human:`")
    turns = tuple(Message(_SPEAKER[s], t.strip()) for s, t in zip(pieces[1::2], pieces[2::2], strict=True))
    if turns[-1].role != "assistant":
        raise BadRow(f"{field} ends with a human turn, not an assistant turn")
    if not turns[-1].content:
        raise BadRow(f"the last turn of {field} is empty")
    return turns


def require_user(turns: Dialogue, field: str) -> Dialogue:
    """The turns, if a user speaks in them."""
    if not any(turn.role == "user" for turn in turns):
        raise BadRow(f"{field} has no user turn")
    return turns


def _turn(item: Any, field: str) -> Message:
    if not isinstance(item, dict):
        raise BadRow(f"{field} is {_kind(item)}, not a message with role and content")
    role = item.get("role")
    if role not in _ROLES:
        raise BadRow(f"{field}.role is {role!r}; known roles are {', '.join(_ROLES)}")
    if "content" not in item:
        raise BadRow(f"{field}.content is missing")
    return Message(cast(Role, role), text_of(item["content"], f"{field}.content"))


def _a(role: str) -> str:
    return f"an {role}" if role == "assistant" else f"a {role}"


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)

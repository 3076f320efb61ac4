"""Whose a CDP message is: the session that it names."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Never, cast

import attrs

LONGEST_COMMAND = 96 * 1024 * 1024  # Bytes; of 100 MiB a browser stops taking any, and would outlive us.

PARSE_ERROR, INVALID_REQUEST, SESSION_NOT_FOUND = -32700, -32600, -32001  # As browsers number them.

_ID_RANGE = range(-(2**31), 2**31)
_NAMES = frozenset({"id", "method", "params", "sessionId"})
_DEEPEST = 301  # Objects and arrays within each other that a browser reads.
_SURELY_FINITE = 300  # Digits.

# A browser writes the session's id last. No message that names none can end so: what stands before
# an unescaped quote, and is followed by the one brace that ends it all, is a value of the outermost object.
_SESSION = re.compile(rb',"sessionId":"([^"\\]+)"\}\Z')
_LONGEST_ENDING = 128  # Bytes of it; ids have 32.

_ATTACHED = b'{"method":"Target.attachedToTarget",'
_DETACHED = b'{"method":"Target.detachedFromTarget",'


@attrs.define
class MalformedError(Exception):
    """
    What a caller sent is no command.

    Attributes:
        code: JSON-RPC's number of the error.

        reason: What is wrong, in a browser's own words where it has some.

        id: Of the command, where it has one.
    """

    code: int
    reason: str
    id: int | None = None

    @property
    def answer(self) -> bytes:
        """What a browser would say to it."""
        numbered = {} if self.id is None else {"id": self.id}
        return dump({**numbered, "error": {"code": self.code, "message": self.reason}})


@attrs.frozen
class Told:
    """
    What a browser said in a session.

    Attributes:
        session: Id of the session.

        message: The message as it came.

        bare: How much of it there is without the session's id, but for the last brace.
    """

    session: str
    message: bytes = attrs.field(repr=False)
    bare: int

    @property
    def without_session(self) -> bytes:
        """The message as it is on a connection of its own."""
        return self.message[: self.bare] + b"}"

    @property
    def attached(self) -> str | None:
        """Id of the session that has just begun in this one, if that is what it says."""
        return self._named() if self.message.startswith(_ATTACHED) else None

    @property
    def detached(self) -> str | None:
        """Id of the session that has just ended in this one, if that is what it says."""
        return self._named() if self.message.startswith(_DETACHED) else None

    def _named(self) -> str:
        return str(json.loads(self.message)["params"]["sessionId"])


def told(message: bytes) -> Told | None:
    """Read of what a browser says in which session it does; None if in none. Long ones cost no more."""
    found = _SESSION.search(message, max(0, len(message) - _LONGEST_ENDING))
    return None if found is None else Told(found[1].decode(errors="replace"), message, found.start())


def command(text: str) -> dict[str, Any]:
    """
    Read what a caller sends.

    It is written anew before a browser sees it, so that both mean the same by it: they could differ about
    a name that is there twice. What a browser's own parser refuses is refused here: its errors name no
    session that would get them. What it takes beyond JSON is taken.

    Raises:
        MalformedError: It is no command.
    """
    try:
        read = _decode(text)
    except (ValueError, RecursionError):
        raise MalformedError(PARSE_ERROR, "JSON: it cannot be parsed") from None
    if not isinstance(read, dict):
        raise MalformedError(INVALID_REQUEST, "Message must be an object")
    message = cast("dict[str, Any]", read)
    if text.count("[") + text.count("{") > _DEEPEST and _too_deep(message):
        raise MalformedError(PARSE_ERROR, "JSON: stack limit exceeded")
    number = message.get("id")
    if isinstance(number, float) and number.is_integer():
        message["id"] = number = int(number)
    if type(number) is not int or number not in _ID_RANGE:
        raise MalformedError(INVALID_REQUEST, "Message must have integer 'id' property")
    if problem := _problem(message):
        raise MalformedError(INVALID_REQUEST, problem, number)
    return message


def dump(message: dict[str, Any]) -> bytes:
    """
    Write a message.

    Raises:
        MalformedError: It has a number that JSON does not.
    """
    try:
        return _encode(message).encode()
    except ValueError:  # `1e999` is read as infinity.
        raise MalformedError(PARSE_ERROR, "JSON: invalid number", message.get("id")) from None


def _problem(message: dict[str, Any]) -> str | None:
    method = message.get("method")
    if not isinstance(method, str) or not method or not method.isascii():
        return "Message must have string 'method' property"
    if not isinstance(message.get("params"), dict | list | None):
        return "Message may have object 'params' property"
    if not isinstance(message.get("sessionId", ""), str):
        return "Message may have string 'sessionId' property"
    if not _NAMES.issuperset(message):
        return "Message has property other than 'id', 'method', 'sessionId', 'params'"
    return None


def _too_deep(message: dict[str, Any]) -> bool:
    level: list[dict[str, Any] | list[Any]] = [message]
    for _ in range(_DEEPEST):
        level = [
            value
            for each in level
            for value in (each.values() if isinstance(each, dict) else each)
            if isinstance(value, dict | list)
        ]
        if not level:
            return False
    return True


def _whole(digits: str) -> int:
    if len(digits) > _SURELY_FINITE and math.isinf(float(digits)):
        raise ValueError(digits)
    return int(digits)


def _refuse(constant: str) -> Never:
    raise ValueError(constant)


# `json`'s own functions make these anew for every message, which takes longer than the message does.
_decode = json.JSONDecoder(parse_int=_whole, parse_constant=_refuse, strict=False).decode
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode

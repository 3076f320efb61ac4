"""Rule: one fault, as plain data that JSON can hold."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from firecrawl_interact.server.faults.traffic import KINDS

_KINDS = KINDS | {"any"}


class Action(enum.Enum):
    """What a rule does to a request."""

    DELAY = "delay"  # Wait `seconds`.
    HOLD = "hold"  # Wait until somebody posts /_lab/release; never released, it hangs.
    DROP = "drop"  # Close the connection without an answer.
    RESET = "reset"  # The same with a TCP reset.
    TRUNCATE = "truncate"  # Announce the whole answer, send half, close.
    STATUS = "status"  # Answer `status`, `headers` and `body` instead.
    HTML = "html"  # Answer `status` with a page for humans.
    NO_ID = "no-id"  # Answer without any id.
    STRIP = "strip"  # Answer without `fields`.
    LEAVE = "leave"  # Answer as usual, then close the kept connection without announcing it.
    LAG = "lag"  # Behave like a replica that has not heard yet: 404 for one session, an empty list.
    OUTAGE = "outage"  # Stop listening for `seconds`, and cut every connection.


class When(enum.Enum):
    """Whether the request takes effect before the rule acts."""

    BEFORE = "before"
    AFTER = "after"


def _known(_: object, field: attrs.Attribute[str], kind: str) -> None:
    if kind not in _KINDS:
        raise ValueError(f"{field.name} must be one of {', '.join(sorted(_KINDS))}")


@attrs.frozen(kw_only=True)
class Rule:
    """
    One fault. Several rules may act on one request; the first one is the outermost.

    Attributes:
        on: Kind of request: ``create``, ``delete``, ``get``, ``list``, ``run`` and ``stop`` (scrape-bound),
            ``execute``, ``other`` or ``any``.

        do: What happens.

        when: ``before``: the fault strikes first; what ends the request (drop, reset, status, html)
            then keeps it from taking effect. ``after``: it takes effect, then the fault strikes.

        nth: First request of that kind that it strikes, counted from 1.

        times: How many in a row; None means for ever.

        seconds: For ``delay`` and ``outage``.

        status: For ``status`` and ``html``.

        headers: For ``status``.

        body: Text of the answer, for ``status``.

        fields: Names that are taken out of the answer, at any depth, for ``strip``.
    """

    on: str = attrs.field(default="any", validator=_known)
    do: Action
    when: When = When.BEFORE
    nth: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    times: int | None = 1
    seconds: float = 0.0
    status: int = 500
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    body: str = ""
    fields: tuple[str, ...] = ()

    def strikes(self, kind: str, count: int) -> bool:
        """Tell whether this is one of the requests meant; *count* is its number among its kind."""
        if self.on not in {kind, "any"} or count < self.nth:
            return False
        return self.times is None or count < self.nth + self.times


def read_rules(data: Iterable[Any]) -> list[Rule]:
    """
    Build rules from JSON data.

    Raises:
        ValueError: A rule does not fit; the text says where.
    """
    import cattrs  # slow to import, and for test servers only
    from cattrs.gen import make_dict_structure_fn  # slow to import, and for test servers only

    converter = cattrs.Converter()
    converter.register_structure_hook(
        Rule, make_dict_structure_fn(Rule, converter, _cattrs_forbid_extra_keys=True)
    )
    try:
        return converter.structure(list(data), list[Rule])
    except cattrs.BaseValidationError as error:
        raise ValueError("; ".join(cattrs.transform_error(error, "rules", _worded))) from error


def _worded(error: BaseException, kind: type[Any] | None) -> str:
    """Say what belongs there, in the words of a plan."""
    from cattrs.v import format_exception  # slow to import, and for test servers only

    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return f"must be one of {', '.join(str(each.value) for each in kind)}"
    if isinstance(error, AttributeError):  # cattrs takes whatever has keys for an object.
        return "must be an object"
    return str(error) if isinstance(error, ValueError) else format_exception(error, kind)

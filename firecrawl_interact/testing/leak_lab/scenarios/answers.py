"""Scenarios of faulty answers: to the create, and to the delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from firecrawl_interact.server.faults.rules import Action, Rule, When
from firecrawl_interact.testing.leak_lab.scenario import (
    ANCHOR,
    CANCELLED,
    ERROR,
    FIRECRAWL,
    NOTHING,
    Scenario,
    Step,
)

LOST = {FIRECRAWL: "the answer was lost, and a list there shows no mark"}
REFUSED = dict.fromkeys((FIRECRAWL, ANCHOR), "the provider refuses every end")
LATER = '{"success": false, "error": "Later."}'
CONCURRENCY = '{"success": false, "error": "You have reached the maximum number of concurrent jobs (2)."}'
TOO_FAST = '{"success": false, "error": "Rate limit exceeded."}'


def _delete(name: str, *rules: Mapping[str, Any], body: str = "plain:once", **more: Any) -> Scenario:
    """Leave a block while the delete goes wrong."""
    return Scenario(
        name=f"delete_{name}",
        group="delete",
        body=body,
        rules=tuple(Rule(on="delete", **rule) for rule in rules),
        **more,
    )


def _create(name: str, *rules: Mapping[str, Any], **more: Any) -> Scenario:
    """Enter a block while the create goes wrong."""
    return Scenario(
        name=f"create_{name}",
        group="create",
        body="plain:once",
        rules=tuple(Rule(on="create", **rule) for rule in rules),
        **more,
    )


def _status(status: int, body: str = LATER, **more: Any) -> dict[str, Any]:
    return {"do": Action.STATUS, "status": status, "body": body, **more}


_UNKNOWN: dict[str, Any] = {
    "raises": (ERROR,),
    "error": "CreateUnknownError",
    "tolerates": LOST,
    "settle": 12.0,
}
_UNKNOWN_BUT_NONE: dict[str, Any] = {"raises": (ERROR,), "error": "CreateUnknownError"}
_NEVER: dict[str, Any] = {
    "raises": (ERROR,),
    "error": "CloseError",
    "tolerates": REFUSED,
    "options": {"close_timeout": 1.5},
}

DELETE = (
    *(
        _delete(f"{status}_once", _status(status), fast=status == 503)  # noqa: PLR2004 - the status it is about
        for status in (408, 425, 500, 502, 503, 504)
    ),
    _delete("503_four_times", _status(503, times=4), settle=8.0),
    _delete("429_with_retry_after", _status(429, TOO_FAST, headers={"Retry-After": "1"})),
    _delete("429_without_retry_after", _status(429, TOO_FAST)),
    _delete("401_for_ever", _status(401, times=None), **_NEVER),
    _delete("403_for_ever", _status(403, times=None), **_NEVER),
    _delete("503_for_ever", _status(503, times=None), **_NEVER),
    _delete("lagging_404", {"do": Action.LAG}),
    _delete("lagging_404_twice", {"do": Action.LAG, "times": 2}),
    _delete("404_after_effect", _status(404, when=When.AFTER)),
    _delete("410_after_effect", _status(410, when=When.AFTER)),
    _delete("204_after_effect", _status(204, "", when=When.AFTER)),
    _delete("html_after_effect", {"do": Action.HTML, "status": 200, "when": When.AFTER}),
    _delete("502_page_after_effect", {"do": Action.HTML, "status": 502, "when": When.AFTER}),
    _delete("truncated", {"do": Action.TRUNCATE}),
    _delete("dropped_before", {"do": Action.DROP}),
    _delete("dropped_after", {"do": Action.DROP, "when": When.AFTER}, fast=True),
    _delete("reset_before", {"do": Action.RESET}),
    _delete("reset_three_times", {"do": Action.RESET, "times": 3}),
    _delete(
        "left_kept_connection",
        {"do": Action.LEAVE, "times": None},
        body="plain:in_turn",
        args={"count": 5},
        posts=5,
    ),
    _delete("hung", {"do": Action.HOLD}, options={"close_timeout": 1.5}, raises=(ERROR,), error="CloseError"),
    _delete("slow", {"do": Action.DELAY, "seconds": 3.0}),
    _delete("outage", {"do": Action.OUTAGE, "seconds": 1.5}, settle=10.0),
    Scenario(
        name="delete_hung_and_cancelled",
        group="delete",
        body="cancel:at",
        args={"event": "delete.received", "release": False},
        rules=(Rule(on="delete", do=Action.HOLD, times=1),),
        steps=(Step(do="release", after="delete.received", gap=3.0),),
        raises=(CANCELLED,),
    ),
)

CREATE = (
    _create("400", _status(400), raises=(ERROR,)),
    _create("401", _status(401), raises=(ERROR,), error="AuthenticationError"),
    _create("402", _status(402), raises=(ERROR,), error="PaymentRequiredError"),
    _create("403", _status(403), raises=(ERROR,), error="PermissionDeniedError"),
    _create("409", _status(409), raises=(ERROR,)),
    _create(
        "429_too_many_sessions", _status(429, CONCURRENCY), raises=(ERROR,), error="ConcurrencyLimitError"
    ),
    _create("429_with_retry_after", _status(429, TOO_FAST, headers={"Retry-After": "1"}), posts=2),
    _create("500_before_effect", _status(500), **_UNKNOWN_BUT_NONE),
    _create("500_after_effect", _status(500, when=When.AFTER), **_UNKNOWN),
    _create(
        "502_page_after_effect", {"do": Action.HTML, "status": 502, "when": When.AFTER}, **_UNKNOWN, fast=True
    ),
    _create("504_page_after_effect", {"do": Action.HTML, "status": 504, "when": When.AFTER}, **_UNKNOWN),
    _create("200_page_after_effect", {"do": Action.HTML, "status": 200, "when": When.AFTER}, **_UNKNOWN),
    _create("dropped_before", {"do": Action.DROP}, **_UNKNOWN_BUT_NONE),
    _create("dropped_after", {"do": Action.DROP, "when": When.AFTER}, **_UNKNOWN),
    _create("reset_after", {"do": Action.RESET, "when": When.AFTER}, **_UNKNOWN),
    _create("truncated", {"do": Action.TRUNCATE}, **_UNKNOWN),
    _create("without_id", {"do": Action.NO_ID}, **_UNKNOWN),
    _create("without_links", {"do": Action.STRIP, "fields": ("cdpUrl", "cdp_url")}, raises=(ERROR,)),
    Scenario(
        name="create_in_short_outage",
        group="create",
        body="plain:once_in_outage",
        steps=(Step(do="outage", after="mark.ready", seconds=1.0),),
        raises=(NOTHING, ERROR),  # Patience is the client's choice; the truth is not.
        error="TransportError",
        posts=None,
    ),
    Scenario(
        name="create_in_long_outage",
        group="create",
        body="plain:once_in_outage",
        options={"open_timeout": 1.0},
        steps=(Step(do="outage", after="mark.ready", seconds=30.0),),
        raises=(ERROR,),
        error="TransportError",
        posts=0,
    ),
    *(
        _create(f"{name}_relayed", rule, options={"relay": True}, **_UNKNOWN)
        for name, rule in (
            ("502_page_after_effect", {"do": Action.HTML, "status": 502, "when": When.AFTER}),
            ("dropped_after", {"do": Action.DROP, "when": When.AFTER}),
            ("truncated", {"do": Action.TRUNCATE}),
        )
    ),
    _create("slow", {"do": Action.DELAY, "seconds": 3.0}),
    _create(
        "hung_after_effect",
        {"do": Action.HOLD, "when": When.AFTER, "times": None},
        options={"open_timeout": 1.0},
        **_UNKNOWN,
    ),
    Scenario(
        name="create_lost_and_list_lags",
        group="create",
        body="plain:once",
        rules=(
            Rule(on="create", do=Action.DROP, when=When.AFTER),
            Rule(on="list", do=Action.LAG, times=2),
        ),
        **_UNKNOWN,
    ),
    Scenario(
        name="create_lost_then_another",
        group="create",
        body="plain:again_after_failure",
        rules=(Rule(on="create", do=Action.DROP, when=When.AFTER),),
        raises=(ERROR, NOTHING),
        posts=2,
        tolerates=LOST,
        settle=12.0,
    ),
    Scenario(
        name="create_lost_on_exclusive_key",
        group="create",
        body="plain:once",
        options={"exclusive_key": True},
        rules=(Rule(on="create", do=Action.DROP, when=When.AFTER),),
        raises=(ERROR,),
        error="CreateUnknownError",
        foreign=False,
        settle=12.0,
    ),
)

SCENARIOS = (*DELETE, *CREATE)

"""Scrapes, replays and profiles in Firecrawl's words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast
from urllib.parse import quote

from firecrawl_interact.backends._arguments import string
from firecrawl_interact.backends._options import encode_body, invalid, whole
from firecrawl_interact.backends.firecrawl_values import ReplayPage
from firecrawl_interact.backends.scraper import check_job_id
from firecrawl_interact.errors import InvalidOptionError, ProtocolError
from firecrawl_interact.models import Answer, Profile, Scrape
from firecrawl_interact.wire import firecrawl as wire
from firecrawl_interact.wire._bounds import OutOfBoundsError
from firecrawl_interact.wire._converter import dig_text
from firecrawl_interact.wire.firecrawl_replays import ReplayReply
from firecrawl_interact.wire.firecrawl_scrapes import ScrapeReply, ScrapeRequest

_MILLISECONDS = 1000  # In a second.
_LONGEST_WAIT = 60  # Seconds that a scrape waits once the page is open.
_PROFILES = "/v2/browser/profiles"  # Only this spelling of the alias is known to exist.
_PAGE_ID = re.compile(r"[0-9]{1,3}")
_JOB_PATHS = (("data", "metadata", "scrapeId"), ("scrape_id",))  # Where servers tell the job's id.


def scrape_body(
    url: str,
    *,
    formats: Sequence[str | Mapping[str, Any]],
    wait_for: float | None,
    actions: Sequence[Mapping[str, Any]],
    profile: Profile | None,
    country: str | None,
    block_ads: bool | None,
    timeout: float,
    zero_data_retention: bool | None,
    extra: Mapping[str, Any] | None,
) -> bytes:
    """
    Write the body of a scrape.

    Raises:
        InvalidOptionError: A value is of the wrong type or outside its bounds.
    """
    address: Any = url
    if not isinstance(address, str) or not address:
        raise InvalidOptionError("url must be a text that is not empty.", option="url")
    if wait_for is not None and wait_for > _LONGEST_WAIT:
        raise InvalidOptionError(
            f"wait_for must be at most {_LONGEST_WAIT} seconds, not {wait_for:g}.",
            option="wait_for",
            value=wait_for,
        )
    try:
        request = ScrapeRequest(
            url=url,
            formats=_several("formats", formats, str, dict, such_as="['markdown']"),
            wait_for=None if wait_for is None else whole(wait_for * _MILLISECONDS),
            actions=_several("actions", actions, dict, such_as="[{'type': 'click', 'selector': 'a'}]"),
            profile=None
            if profile is None
            else wire.Profile(name=profile.name, save_changes=profile.save_changes),
            location=None if country is None else wire.Location(country=country),
            block_ads=block_ads,
            timeout=whole(timeout * _MILLISECONDS),
            zero_data_retention=zero_data_retention,
        )
    except OutOfBoundsError as error:
        raise invalid(error) from None
    return encode_body(wire.DIALECT.unstructure(request), extra)


def scrape_failed(answer: Answer) -> bool:
    """
    Tell whether an answer of 200 says that there is no page, as where its name leads nowhere.

    Raises:
        ProtocolError: It does not fit.
    """
    return not wire.DIALECT.loads(answer.body, ScrapeReply, status=answer.status).success


def read_scrape(answer: Answer) -> Scrape:
    """
    Read the answer to a scrape.

    Raises:
        ProtocolError: It does not fit, or names no job.
    """
    reply = wire.DIALECT.loads(answer.body, ScrapeReply, status=answer.status)
    document = json.loads(answer.body)
    for path in _JOB_PATHS:
        try:
            job_id = check_job_id(dig_text(document, path))
        except InvalidOptionError:
            continue
        metadata = reply.data.get("metadata")
        return Scrape(
            job_id=job_id,
            metadata=cast("dict[str, Any]", metadata) if isinstance(metadata, dict) else {},
            data={name: value for name, value in reply.data.items() if name != "metadata"},
        )
    raise ProtocolError(
        "Firecrawl's answer to a scrape names no job.", field="data.metadata.scrapeId", status=answer.status
    )


def read_replay(answer: Answer) -> tuple[ReplayPage, ...]:
    """
    Read the answer with the recorded pages of a session.

    Raises:
        ProtocolError: It does not fit.
    """
    reply = wire.DIALECT.loads(answer.body, ReplayReply, status=answer.status)
    try:
        return tuple(
            ReplayPage(
                id=page.page_id,
                page_url=page.page_url or None,
                start=timedelta(milliseconds=page.start_time_ms or 0),
                end=timedelta(milliseconds=page.end_time_ms or 0),
            )
            for page in reply.pages
        )
    except OverflowError:
        raise ProtocolError(
            "Firecrawl's answer does not fit: a time is too large", field="pages", status=answer.status
        ) from None


def check_page_id(page_id: object) -> str:
    """
    Refuse what cannot name a recorded page.

    Raises:
        InvalidOptionError: It is not one to three digits.
    """
    if isinstance(page_id, str) and _PAGE_ID.fullmatch(page_id):
        return page_id
    raise InvalidOptionError(f"page_id must be one to three digits, not {page_id!r}.", option="page_id")


def profile_path(name: str) -> str:
    """
    Return the path of a saved profile.

    Raises:
        InvalidOptionError: The name cannot be one.
    """
    try:
        wire.Profile(name=name)
    except OutOfBoundsError as error:
        raise invalid(error) from None
    if name in {".", ".."}:  # A path would lose them, however they are escaped.
        raise InvalidOptionError(f"name must not be {name!r}.", option="name", value=name)
    return f"{_PROFILES}/{quote(string('name', name), safe='')}"


def _several(option: str, items: Any, *kinds: type, such_as: str) -> list[Any] | None:
    """Return what stands in an array of the body, None for an empty one; it is sent as it is."""
    if isinstance(items, Iterable) and not isinstance(items, str | Mapping):
        given: list[Any] = [_plain(each) for each in cast("Iterable[object]", items)]
        if all(isinstance(each, kinds) for each in given) and _is_json(given):
            return given or None
    raise InvalidOptionError(f"{option} must be a sequence, such as {such_as}.", option=option)


def _plain(value: object) -> object:
    return {**cast("Mapping[str, object]", value)} if isinstance(value, Mapping) else value


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True

"""What only Firecrawl has, as values."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import attrs

from firecrawl_interact.errors import InvalidOptionError


@attrs.frozen(kw_only=True)
class FirecrawlOptions:
    """
    Options of a create that only Firecrawl has: ``Session.create(options=FirecrawlOptions(...))``.

    They take the place of those of the `FirecrawlBackend`, and are not mixed with them. What is
    None is left to the provider.

    Attributes:
        zero_data_retention: Whether the provider keeps nothing, recordings and profiles included;
            needs an entitlement of the team.

        integration: Name of the integration that asks; the provider has a list of those it knows.

    Raises:
        InvalidOptionError: A value is of the wrong type.
    """

    backend: ClassVar[str] = "firecrawl"

    zero_data_retention: bool | None = None
    integration: str | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse values of a wrong type."""
        for name, kind in (("zero_data_retention", bool), ("integration", str)):
            value: Any = getattr(self, name)
            if value is not None and type(value) is not kind:
                raise InvalidOptionError(
                    f"{name} must be {kind.__name__} or None, not {type(value).__name__}.",
                    option=name,
                    value=value,
                )


@attrs.frozen(kw_only=True)
class ReplayPage:
    """
    One recorded page of a session.

    Attributes:
        id: What `FirecrawlBackend.replay_playlist` takes.

        page_url: What the browser showed; None where the provider records all tabs as one page.

        start: When it begins, counted from the session's start.

        end: When it ends.
    """

    id: str
    page_url: str | None = None
    start: timedelta = timedelta()
    end: timedelta = timedelta()

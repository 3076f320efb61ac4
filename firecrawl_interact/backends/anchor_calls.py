"""Calls: how the parts of Anchor's API ask and read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

import attrs

from firecrawl_interact.backends._hosted import fine
from firecrawl_interact.errors import InvalidOptionError
from firecrawl_interact.models import Answer, Request
from firecrawl_interact.models.debts import LONGEST_ANSWER
from firecrawl_interact.wire._bounds import OutOfBoundsError
from firecrawl_interact.wire.anchor import DIALECT

if TYPE_CHECKING:
    from collections.abc import Callable

    from firecrawl_interact.backends._access import Access
    from firecrawl_interact.backends._hosted import ProviderBackend
    from firecrawl_interact.wire._converter import Dialect

T = TypeVar("T")

CHANGE_TIMEOUT = 60.0  # Seconds for a request that changes something; it is sent once.


@attrs.frozen
class Calls:
    """
    One kind of request under one path, sent and read.

    Attributes:
        backend: What sends it.

        access: Where it goes; asked anew each time.

        path: What all of these requests have in common.

        session_id: The session they are about, for errors.
    """

    backend: ProviderBackend
    access: Callable[[], Access]
    path: str = attrs.field(repr=False)
    session_id: str | None = attrs.field(default=None, repr=False)

    async def get(self, path: str, cls: type[T], *, query: Mapping[str, object] | None = None) -> T:
        """Read something; sent again where that may help."""
        return self.read(await self.ask("GET", path, query=query, repeatable=True), cls)

    async def change(
        self,
        method: str,
        path: str,
        cls: type[T],
        body: object = None,
        *,
        dialect: Dialect = DIALECT,
        repeatable: bool = False,
        timeout: float = CHANGE_TIMEOUT,
    ) -> T:
        """Change something; sent once, unless it is *repeatable*."""
        answer = await self.ask(
            method, path, body=body, dialect=dialect, repeatable=repeatable, timeout=timeout
        )
        return self.read(answer, cls, dialect=dialect)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        dialect: Dialect = DIALECT,
        repeatable: bool = False,
        timeout: float = CHANGE_TIMEOUT,
        longest_answer: int = LONGEST_ANSWER,
    ) -> Answer:
        """
        Send a request; *body* is a wire object, or bytes whose type *headers* tell.

        Raises:
            BackendError: Any status but 2xx.
            TransportError: The line failed.
        """
        access = self.access()
        raw = body if isinstance(body, bytes) or body is None else dialect.dumps(body)
        known = access.headers if raw is None else access.body_headers
        url = access.origin + self.path + path
        if query:
            url += "?" + urlencode(query)
        request = Request(method, url, {**known, **(headers or {})}, raw, longest_answer)
        answer = await self.backend.exchange(request, repeatable=repeatable, timeout=timeout)
        if not fine(answer):
            raise self.backend.error(answer, session_id=self.session_id)
        return answer

    def read(self, answer: Answer, cls: type[T], *, dialect: Dialect = DIALECT) -> T:
        """
        Read an answer.

        Raises:
            ProtocolError: It does not fit.
        """
        return dialect.loads(answer.body, cls, status=answer.status)


def checked(make: Callable[[], T]) -> T:
    """
    Make a wire object from the caller's values.

    Raises:
        InvalidOptionError: One is outside its bounds; the text does not repeat it.
    """
    try:
        return make()
    except InvalidOptionError:  # Says it all already.
        raise
    except OutOfBoundsError as error:
        raise InvalidOptionError(f"{error}.", option=error.field, value=error.value) from None
    except ValueError as error:  # Of attrs' own validators; they repeat the value, which may be a secret.
        option = getattr(error.args[1], "name", None) if len(error.args) > 1 else None
        raise InvalidOptionError(
            f"{option or 'A value'} is not one of those allowed.", option=option
        ) from None

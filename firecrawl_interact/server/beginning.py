"""What a new browser begins with: a folder, blank or filled from a profile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server.scratch import Scratch
from firecrawl_interact.server.user_data import UserDataError, unpack


async def begin(state: Path | None) -> tuple[Scratch, tuple[Mapping[str, Any], ...]]:
    """
    Make a browser's folder and fill it with what was saved.

    Args:
        state: File of saved state; None, or a file that is not there, is blank.

    Returns:
        The folder, and the cookies that the browser is to be given once it runs.

    Raises:
        LocalBrowserError: There is no room, or the file is damaged. Nothing is left behind.
    """
    try:
        folder = Scratch.make()
    except OSError as error:
        raise LocalBrowserError(f"There is no room for a browser: {error.strerror or error}.") from error
    if state is None:
        return folder, ()
    unpacking = asyncio.create_task(asyncio.to_thread(unpack, state, folder.data))
    try:
        return folder, await asyncio.shield(unpacking)
    except BaseException as error:
        await asyncio.wait((unpacking,))  # Its thread goes on, whoever was cancelled.
        folder.remove()
        if isinstance(error, OSError | UserDataError):
            raise LocalBrowserError(f"The profile cannot be used: {error}.") from error
        raise

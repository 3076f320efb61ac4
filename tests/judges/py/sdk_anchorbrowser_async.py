"""One session's life through anchorbrowser's asynchronous client: reads one JSON object, prints another."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from anchorbrowser import AsyncAnchorbrowser


async def live(base: str, key: str, page: str) -> dict[str, Any]:
    # Answers that do not fit its models are errors here; by itself it would take them as they are.
    async with AsyncAnchorbrowser(api_key=key, base_url=base, _strict_response_validation=True) as client:
        sessions = client.sessions

        async def alive(session_id: str) -> bool:
            rows = (await sessions.get_all_sessions_status()).data.items
            return (session_id, "running") in [(str(row.session_id), row.status) for row in rows]

        made = (await sessions.create_session(session={"timeout": {"max_duration": 5}})).data
        read = (await sessions.get_session(made.id)).data.status
        listed = await alive(str(made.id))
        await sessions.goto(made.id, url=page)
        await sessions.mouse_click(made.id, selector="button")
        acted = [tab.title for tab in (await sessions.get_session_pages(made.id)).data.items]
        code = "await page.click('button'); return await page.title()"
        ran = await client.tools.execute_code(code=code, session_id=made.id)
        async with await client.browser.connect(str(made.id)) as browser:
            connected = await browser.contexts[0].pages[0].title()
        await sessions.delete_session(made.id)
        return {
            "opens": made.cdp_url.partition(":")[0],
            "lists": listed,
            "reads": read,
            "acts": acted,
            "executes": json.loads(ran.output),
            "connects": connected,
            "ends": not await alive(str(made.id)),
        }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(live(**json.load(sys.stdin)))))

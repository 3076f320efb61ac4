"""One session's life through firecrawl-py's asynchronous client: reads one JSON object, prints another."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from firecrawl import AsyncFirecrawl


async def live(base: str, key: str, page: str) -> dict[str, Any]:
    client = AsyncFirecrawl(api_key=key, api_url=base)

    async def alive(session_id: str) -> bool:
        listed = await client.list_browsers(status="active")
        return session_id in [row.id for row in listed.sessions]

    made = await client.browser(ttl=120)
    listed = await alive(made.id)
    click = f"await page.goto({json.dumps(page)}); await page.click('button'); await page.title()"
    ran = await client.browser_execute(made.id, click, language="node")
    ended = await client.delete_browser(made.id)

    job_id = (await client.scrape(page)).metadata.scrape_id
    interacted = await client.interact(job_id, "await page.click('button'); await page.title()")
    stopped = await client.stop_interaction(job_id)
    return {
        "opens": made.cdp_url.partition(":")[0],
        "lists": listed,
        "executes": ran.result,
        "interacts": interacted.result,
        "stops": stopped.success,
        "ends": ended.success and not await alive(made.id),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(live(**json.load(sys.stdin)))))

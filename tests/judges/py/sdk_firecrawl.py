"""One session's life through firecrawl-py's blocking client: reads one JSON object, prints another."""

from __future__ import annotations

import json
import sys
from typing import Any

from firecrawl import Firecrawl


def live(base: str, key: str, page: str) -> dict[str, Any]:
    client = Firecrawl(api_key=key, api_url=base)

    def alive(session_id: str) -> bool:
        return session_id in [row.id for row in client.list_browsers(status="active").sessions]

    made = client.browser(ttl=120)
    listed = alive(made.id)
    click = f"await page.goto({json.dumps(page)}); await page.click('button'); await page.title()"
    ran = client.browser_execute(made.id, click, language="node")
    ended = client.delete_browser(made.id)

    job_id = client.scrape(page).metadata.scrape_id
    interacted = client.interact(job_id, "await page.click('button'); await page.title()")
    stopped = client.stop_interaction(job_id)
    return {
        "opens": made.cdp_url.partition(":")[0],
        "lists": listed,
        "executes": ran.result,
        "interacts": interacted.result,
        "stops": stopped.success,
        "ends": ended.success and not alive(made.id),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(live(**json.load(sys.stdin))))

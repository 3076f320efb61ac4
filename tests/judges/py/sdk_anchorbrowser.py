"""One session's life through anchorbrowser's blocking client: reads one JSON object, prints another."""

from __future__ import annotations

import json
import sys
from typing import Any

from anchorbrowser import Anchorbrowser


def live(base: str, key: str, page: str) -> dict[str, Any]:
    # Answers that do not fit its models are errors here; by itself it would take them as they are.
    client = Anchorbrowser(api_key=key, base_url=base, _strict_response_validation=True)
    sessions = client.sessions

    def alive(session_id: str) -> bool:
        rows = sessions.get_all_sessions_status().data.items
        return (session_id, "running") in [(str(row.session_id), row.status) for row in rows]

    made = sessions.create_session(session={"timeout": {"max_duration": 5}}).data
    read = sessions.get_session(made.id).data.status
    listed = alive(str(made.id))
    sessions.goto(made.id, url=page)
    sessions.mouse_click(made.id, selector="button")
    acted = [tab.title for tab in sessions.get_session_pages(made.id).data.items]
    code = "await page.click('button'); return await page.title()"
    ran = client.tools.execute_code(code=code, session_id=made.id)
    with client.browser.connect(str(made.id)) as browser:
        connected = browser.contexts[0].pages[0].title()
    sessions.delete_session(made.id)
    return {
        "opens": made.cdp_url.partition(":")[0],
        "lists": listed,
        "reads": read,
        "acts": acted,
        "executes": json.loads(ran.output),
        "connects": connected,
        "ends": not alive(str(made.id)),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(live(**json.load(sys.stdin))))

"""What stands around the picture, from events and answers as they come."""

from __future__ import annotations

from typing import Any

from firecrawl_interact.server.stage import Stage


def info(url: str) -> dict[str, Any]:
    return {"targetId": "t", "type": "page", "url": url, "title": ""}


class Overtaken:
    """A browser whose events come while its answer is waited for, so they are older than that."""

    def __init__(self, stage: Stage, *before: tuple[str, dict[str, Any]]) -> None:
        self._stage = stage
        self._before = before

    async def call(self, method: str) -> dict[str, Any]:
        assert "Target.getTargets" == method
        for event in self._before:
            self._stage.take(*event, None)
        return {"targetInfos": [info("http://new/")]}


async def test_answer_is_not_taken_back_by_events_that_came_before_it():
    """
    A page that went on meanwhile is never shown with an address that it has left already.
    """
    urls: list[str] = []
    stage = Stage(
        screencast={}, on_frame=lambda _: None, on_scene=lambda: urls.append(stage.scene.tabs[0].url)
    )
    stage._number("t")
    browser = Overtaken(stage, ("Target.targetInfoChanged", {"targetInfo": info("http://old/")}))
    await stage._deal(browser, "titles", {})
    while not stage._events.empty():
        await stage._deal(browser, *stage._events.get_nowait())

    # Twice at the end: it is also the first time that the pages are known.
    assert ["http://old/", "http://new/", "http://new/"] == urls


class Told:
    """A browser that does all that it is told, and remembers to which pages it was turned."""

    def __init__(self) -> None:
        self.turned_to: list[str] = []

    async def tell(self, method: str, params: dict[str, Any], **_: Any) -> None:
        if method == "Target.activateTarget":
            self.turned_to.append(params["targetId"])

    async def call(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"sessionId": "s"}


async def test_of_wishes_that_come_at_once_the_last_is_met():
    """
    However fast a viewer turns the pages, no more than one wish waits.
    """
    stage = Stage(screencast={}, on_frame=lambda _: None, on_scene=lambda: None)
    for target in ("one", "two", "three"):
        stage._number(target)
    browser = Told()
    for number in (2, 3, 1, 2) * 100 + (3,):
        stage.turn(number)
    waiting = stage._events.qsize()
    while not stage._events.empty():
        await stage._deal(browser, *stage._events.get_nowait())
    stage.turn(1)
    await stage._deal(browser, *stage._events.get_nowait())

    assert 1 == waiting
    assert ["three", "one"] == browser.turned_to

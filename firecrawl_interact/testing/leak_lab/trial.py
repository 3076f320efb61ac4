"""Trial: one scenario in a process of its own, from its server's start to its verdict."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import cattrs

from firecrawl_interact.server.faults import FOREIGN_HEADER
from firecrawl_interact.testing.leak_lab import judge, processes
from firecrawl_interact.testing.leak_lab.scenario import ANCHOR, Scenario, Step, Verdict

LAST_WORDS = 0.05  # Seconds until the server has surely read what a program sent before its end.
STEPS_GRACE = 5.0  # Seconds for steps that outlast the process: what it did not do by now, it never will.
TOLERATED_SETTLE = 1.0  # Seconds for what nobody needs to find.
KEY = "fc-leak-lab"  # Opens nothing but the lab's own servers.
WORKER = "firecrawl_interact.testing.leak_lab.worker"

# Whoever runs the lab may have keys, addresses and proxies set; a trial has its own.
_NOT_HANDED_ON = ("FIRECRAWL_", "ANCHORBROWSER_", "ANCHOR_")


@attrs.frozen(kw_only=True)
class Case:
    """
    One scenario in one dialect, on one kind of loop.

    Attributes:
        scenario: What goes wrong.

        dialect: Whose wire is spoken.

        loop: ``asyncio`` or ``uvloop``.
    """

    scenario: Scenario
    dialect: str
    loop: str


@attrs.define(eq=False)
class Trial:
    """
    One case, from its server's start to its verdict.

    Attributes:
        case: What is tried.

        adapter: ``module:attribute`` of what opens sessions.

        options: Passed to it, besides the scenario's own, which go first.

        patience: Most seconds to wait for what the program left to be ended; None for the scenario's.

        origin: Where the provider process takes orders.

        client: Carries ours.
    """

    case: Case
    adapter: str
    options: Mapping[str, Any]
    patience: float | None
    origin: str
    client: aiohttp.ClientSession
    _url: str = ""
    _control: str = ""
    _wrong: list[str] = attrs.field(factory=list[str])

    async def run(self) -> Verdict:
        """Try it."""
        began = time.monotonic()
        scenario = self.case.scenario
        with tempfile.TemporaryDirectory(prefix="leak-lab-", ignore_cleanup_errors=True) as folder:
            async with self._server():
                if scenario.foreign:
                    await self._add_foreign_session()
                await self._process(scenario.body, Path(folder), scenario.steps)
                if scenario.then is not None:
                    await self._process(scenario.then, Path(folder), ())
                await self._settle()
                state = await self._get("/_lab/state")
            evidence = judge.read_evidence(Path(folder))
        return judge.verdict(
            scenario,
            dialect=self.case.dialect,
            loop=self.case.loop,
            state=state,
            evidence=evidence,
            wrong=self._wrong,
            seconds=time.monotonic() - began,
        )

    @asynccontextmanager
    async def _server(self) -> AsyncGenerator[None]:
        rules = cattrs.unstructure(self.case.scenario.rules)
        async with self.client.post(f"{self.origin}/servers", json=rules) as answer:
            answer.raise_for_status()
            where = await answer.json()
        self._url, self._control = where["url"], where["control"]
        try:
            yield
        finally:
            async with self.client.delete(f"{self.origin}/servers/{where['id']}"):
                pass

    async def _add_foreign_session(self) -> None:
        anchor = self.case.dialect == ANCHOR
        path = "/v1/sessions" if anchor else "/v2/interact"
        headers = {"anchor-api-key": KEY} if anchor else {"Authorization": f"Bearer {KEY}"}
        headers[FOREIGN_HEADER] = "1"
        async with self.client.post(self._url + path, headers=headers, json={}) as answer:
            answer.raise_for_status()

    async def _process(self, body: str, folder: Path, steps: Sequence[Step]) -> None:
        """Run one program to its end, doing the steps meanwhile."""
        scenario = self.case.scenario
        order = {
            "body": body,
            "adapter": self.adapter,
            "url": self._url,
            "control": self._control,
            "key": KEY,
            "dialect": self.case.dialect,
            "options": {**self.options, **scenario.options},
            "args": dict(scenario.args),
            "report_path": str(folder / judge.REPORTS),
            "loop": self.case.loop,
            "eager": scenario.eager,
        }
        # A file, not a pipe: forked children keep it open after their parent's end.
        with (folder / judge.STDERR).open("ab") as stderr:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-W",
                "always::ResourceWarning",
                "-m",
                WORKER,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=stderr,
                env=_environment(folder),
                start_new_session=True,
            )
        doing = asyncio.create_task(self._do(steps, process.pid, folder))
        try:
            async with asyncio.timeout(scenario.within):
                await process.communicate(json.dumps(order).encode())  # Closes stdin, too.
        except TimeoutError:
            self._wrong.append(f"the process still ran after {scenario.within:.0f} s")
        finally:
            processes.kill_group(process.pid)
            await process.wait()
        try:
            await asyncio.wait_for(doing, STEPS_GRACE)
        except TimeoutError:
            self._wrong.append("the process ended before all was done to it")

    async def _do(self, steps: Sequence[Step], pid: int, folder: Path) -> None:
        """Do to the process what the scenario says."""
        for step in steps:
            if not await self._until(f"event={step.after}&count={step.count}", self.case.scenario.within):
                self._wrong.append(f"{step.after} did not happen {step.count} times, so no {step.do}")
                return
            await asyncio.sleep(step.gap)
            match step.do:
                case "release":
                    await self._post("/_lab/release")
                case "outage":
                    await self._post(f"/_lab/outage?seconds={step.seconds}")
                case "mark":
                    await self._post("/_lab/mark/go")
                case "neighbour":
                    await self._process("plain:once", folder, ())
                case "alive":
                    if not (await self._get("/_lab/state"))["live"]:
                        self._wrong.append("the session was ended while its owner had it")
                case _:
                    processes.send(step, pid)

    async def _settle(self) -> None:
        """Give whoever still has to end something the time to do so."""
        scenario = self.case.scenario
        await asyncio.sleep(LAST_WORDS)
        longest = TOLERATED_SETTLE if self.case.dialect in scenario.tolerates else scenario.settle
        await self._until("live=0", longest if self.patience is None else min(longest, self.patience))

    async def _until(self, what: str, seconds: float) -> bool:
        path = f"{self._control}/_lab/wait?{what}&timeout={seconds}"
        async with self.client.get(path) as answer:
            return answer.status == HTTPStatus.OK

    async def _post(self, path: str) -> None:
        async with self.client.post(self._control + path) as answer:
            answer.raise_for_status()

    async def _get(self, path: str) -> Any:
        async with self.client.get(self._control + path) as answer:
            return await answer.json()


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_HANDED_ON)}
    return kept | {"XDG_STATE_HOME": str(folder), "NO_PROXY": "*", "no_proxy": "*"}

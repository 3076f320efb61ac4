"""Programs of users against a real browser: what they find, what they leave, what they come to."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest
import pytest_asyncio

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import binary
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.child import keep_clear
from firecrawl_interact.server.chromium import ChromiumLauncher
from firecrawl_interact.server.interpreters import process, tools
from firecrawl_interact.server.interpreters.capture import LIMIT
from firecrawl_interact.server.interpreters.runs import ProcessRuns
from firecrawl_interact.server.record import Browser, Wish
from firecrawl_interact.server.runs import BrowserEndedError, CannotRunError, RunOutcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

NODE, PYTHON, BASH = "node", "python", "bash"
TITLE = "data:text/html,<title>Example</title>"
# Only where it is elsewhere: two clients of one page may see each other's navigation late.
GO = {
    PYTHON: f"if page.url != {TITLE!r}: await page.goto({TITLE!r})",
    NODE: f"if (page.url() !== {TITLE!r}) await page.goto({TITLE!r});",
}
LOOP = {PYTHON: "while True: pass", NODE: "while (true) {}", BASH: "while true; do :; done"}
NEW_PAGE = {PYTHON: "[page.is_closed(), page.url]", NODE: "[page.isClosed(), page.url()]"}


@attrs.frozen
class Programs:
    """One browser, and who runs programs in it."""

    runs: ProcessRuns
    browsers: Browsers
    browser: Browser

    async def run(self, language: str, code: str, timeout: float = 20) -> RunOutcome:
        """Run one; skip where there is nothing to run it with."""
        try:
            async with asyncio.timeout(60):
                return await self.runs.run(self.browser, language, code, timeout)
        except CannotRunError as error:
            pytest.skip(str(error))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def programs() -> AsyncIterator[Programs]:
    """One browser for all that leave it running."""
    try:
        binary.find()
    except LocalBrowserError as error:
        pytest.skip(f"no browser here: {error}")
    runs = ProcessRuns()
    browsers = Browsers(ChromiumLauncher(), attendants=[runs])
    yield Programs(runs, browsers, await browsers.create(Wish()))
    await browsers.aclose()


@pytest.mark.parametrize("language", [PYTHON, NODE])
async def test_the_value_of_the_last_expression_is_the_result(programs: Programs, language: str):
    """
    It may await, and needs no `print`.
    """
    outcome = await programs.run(language, f"{GO[language]}\nawait page.title()")

    assert RunOutcome(result="Example") == outcome


@pytest.mark.parametrize(
    ("language", "code", "result"),
    [
        (PYTHON, "'text'", "text"),
        (PYTHON, "None", ""),
        (PYTHON, "x = 1", ""),
        (PYTHON, "[1, {'a': None}]", "[1, {'a': None}]"),
        (PYTHON, "page.url", TITLE),
        (PYTHON, "async def f(): return 5\nf()", "5"),
        (PYTHON, "return 'early'\nprint('never')", "early"),
        (
            PYTHON,
            "type('Odd', (), {'__str__': lambda self: 1 / 0})()",
            "<Odd that cannot be shown: ZeroDivisionError>",
        ),
        (PYTHON, "'\\ud800 \u00e9 \U0001f600'", "\ud800 \u00e9 \U0001f600"),
        (NODE, "'text'", "text"),
        (NODE, "undefined", ""),
        (NODE, "const x = 1", ""),
        (NODE, "({ a: [1, { b: null }] })", "{ a: [ 1, { b: null } ] }"),
        (NODE, "page.url()", TITLE),
        (NODE, "Promise.resolve(5)", "5"),
        (NODE, "return 'early'; console.log('never')", "early"),
        (NODE, "2n ** 64n", "18446744073709551616n"),
        (NODE, "const a = {}; a.a = a; a", "<ref *1> { a: [Circular *1] }"),
        (NODE, "JSON.stringify({ \u00e9: '\U0001f600' })", '{"\u00e9":"\U0001f600"}'),
    ],
)
async def test_a_result_is_text(programs: Programs, language: str, code: str, result: str):
    """
    Whatever the value is, raw if it is a text itself.
    """
    await programs.run(language, GO[language])
    outcome = await programs.run(language, code)

    assert RunOutcome(result=result) == outcome


@pytest.mark.parametrize(
    ("language", "codes"),
    [
        (PYTHON, ["x = 20", "def double(n): return 2 * n", "double(x) + 2"]),
        (
            NODE,
            [
                "const x = 1",
                "const x = await Promise.resolve(20)",
                "function double(n) { return 2 * n }",
                "double(x) + 2",
            ],
        ),
    ],
)
async def test_what_a_run_leaves_the_next_one_finds(programs: Programs, language: str, codes: list[str]):
    """
    Variables and functions stay, and names can be declared again.
    """
    outcomes = [await programs.run(language, code) for code in codes]

    assert "42" == outcomes[-1].result
    assert not any(outcome.failed for outcome in outcomes)


@pytest.mark.parametrize(
    ("language", "code"),
    [
        (PYTHON, "page = await context.new_page()"),
        (NODE, "page = await context.newPage()"),
    ],
)
async def test_a_program_may_choose_another_page(programs: Programs, language: str, code: str):
    """
    `page` is what it says it is, until it is closed.
    """
    await programs.run(language, GO[language])
    outcomes = [
        await programs.run(language, code)
        for code in (code, NEW_PAGE[language], "await page.close()", NEW_PAGE[language])
    ]

    assert "about:blank" in outcomes[1].result
    assert TITLE in outcomes[3].result


@pytest.mark.parametrize("language", [PYTHON, NODE])
async def test_code_that_closes_page_or_connection_finds_an_open_page_next_time(
    programs: Programs, language: str
):
    """
    What it broke is its own; the next run starts from a page that works.
    """
    for code in ("await page.close()", "await browser.close()"):
        await programs.run(language, code)
        outcome = await programs.run(language, f"{GO[language]}\nawait page.title()")

        assert "Example" == outcome.result


@pytest.mark.parametrize(
    ("language", "code", "stdout", "stderr", "status"),
    [
        (PYTHON, "import sys\nprint('é')\nprint('no', file=sys.stderr)", "é\n", "no\n", 0),
        (NODE, "console.log('é'); console.error('no')", "é\n", "no\n", 0),
        (BASH, "echo é; echo no >&2", "é\n", "no\n", 0),
        (BASH, "exit 3", "", "", 3),
        (PYTHON, "import sys; sys.exit(3)", "", "", 3),
        (PYTHON, "exit()", "", "", 0),
        (PYTHON, "exit('a word')", "", "a word\n", 1),
        (NODE, "process.exit(3)", "", "", 3),
        (PYTHON, "import os; os._exit(3)", "", "", 3),
        (PYTHON, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "", "", 139),
        (PYTHON, "input()", "", None, 1),
        (BASH, "cat", "", "", 0),
    ],
)
async def test_output_and_status_are_told(
    programs: Programs, language: str, code: str, stdout: str, stderr: str | None, status: int
):
    """
    An exit, even of the interpreter itself, is an outcome; standard input is at its end.
    """
    outcome = await programs.run(language, code)
    after = await programs.run(language, "true" if language == BASH else "1")

    assert (stdout, status, False) == (outcome.stdout, outcome.exit_code, outcome.killed)
    assert stderr in (outcome.stderr, None)
    assert 0 == after.exit_code


@pytest.mark.parametrize(
    ("language", "code", "words"),
    [
        (
            PYTHON,
            "def f():\n    raise ValueError('boom')\nf()",
            ["line 3, in <module>", "raise ValueError('boom')", "ValueError: boom"],
        ),
        (PYTHON, "def f(:", ["line 1", "SyntaxError"]),
        (PYTHON, "await page.click('#no', timeout=1)", ["TimeoutError", "line 1, in <module>"]),
        (
            PYTHON,
            "import asyncio; asyncio.current_task().cancel(); await asyncio.sleep(1)",
            ["CancelledError"],
        ),
        (NODE, "function f() { throw new Error('boom') }\nf()", ["Error: boom", ":1:22", ":2:1"]),
        (NODE, "const q = (", ["SyntaxError: Unexpected end of input", ".js:1"]),
        (NODE, "await page.click('#no', { timeout: 1 })", ["Timeout 1ms exceeded", ".js:1:12"]),
        (NODE, "throw 'a word'", ["Uncaught 'a word'"]),
        (BASH, "no-such-program", ["line 1: no-such-program: command not found"]),
    ],
)
async def test_an_error_is_told_from_the_program_on(
    programs: Programs, language: str, code: str, words: list[str]
):
    """
    Nothing of the interpreter's own shows, and it goes on to the next run.
    """
    outcome = await programs.run(language, code)

    assert outcome.exit_code != 0
    assert not outcome.killed
    assert [word for word in words if word not in outcome.stderr] == []
    assert "_program." not in outcome.stderr


@pytest.mark.parametrize("language", [PYTHON, NODE, BASH])
async def test_a_program_that_does_not_end_is_killed(programs: Programs, language: str):
    """
    What it printed is kept; the next run has a new interpreter that has the browser's page.
    """
    # A name of its own: what tests before have left may be a constant.
    say = {
        PYTHON: "said = 1\nprint('before')\n",
        NODE: "said = 1; console.log('before');\n",
        BASH: "echo before\n",
    }
    know = {PYTHON: "('said' in dir(), page.url)", NODE: "[typeof said, page.url()]", BASH: "true"}
    await programs.run(language, GO.get(language, "true"))
    outcome = await programs.run(language, say[language] + LOOP[language], timeout=2)
    after = await programs.run(language, know[language])

    assert (True, "before\n", 1) == (outcome.killed, outcome.stdout, outcome.exit_code)
    assert {PYTHON: f"(False, '{TITLE}')", NODE: f"[ 'undefined', '{TITLE}' ]", BASH: ""}[
        language
    ] == after.result


@pytest.mark.parametrize(
    ("language", "code", "killed"),
    [
        (PYTHON, "print('x' * 3_000_000)", False),
        (NODE, "console.log('x'.repeat(3_000_000))", False),
        (BASH, "head -c 3000000 /dev/zero | tr '\\0' x; yes x | tr -d '\\n'", True),
        (PYTHON, "'x' * 3_000_000", False),
        (NODE, "'x'.repeat(3_000_000)", False),
    ],
)
async def test_too_much_output_is_cut(programs: Programs, language: str, code: str, killed: bool):
    """
    A program that prints endlessly neither waits for a reader nor fills the memory.
    """
    outcome = await programs.run(language, code, timeout=2 if killed else 20)

    assert (True, killed) == (outcome.truncated, outcome.killed)
    assert "x" * LIMIT == outcome.stdout + outcome.result


async def test_what_is_printed_between_runs_is_nobodys(programs: Programs):
    """
    A task that was left running goes on, and is not heard in the next run's output.
    """
    code = (
        "import asyncio\nprinted = asyncio.Event()\n"
        "async def later():\n    print('late'); printed.set()\n"
        "task = asyncio.create_task(later())"
    )
    await programs.run(PYTHON, code)
    async with asyncio.timeout(30):
        while (await programs.run(PYTHON, "printed.is_set()")).result != "True":
            pass
    outcome = await programs.run(PYTHON, "task.done()")

    assert RunOutcome(result="True") == outcome


async def test_a_forked_child_does_not_answer_for_the_program(programs: Programs):
    """
    There is one outcome, the program's own.
    """
    first = await programs.run(
        PYTHON, "import os\nparent = os.getpid()\npid = os.fork()\nos.getpid() == parent"
    )
    second = await programs.run(PYTHON, "os.waitpid(pid, 0)[1]")

    assert [RunOutcome(result="True"), RunOutcome(result="0")] == [first, second]


async def test_runs_of_one_language_wait_for_each_other(programs: Programs):
    """
    Two at once do not mix what they print.
    """
    codes = [f"for _ in range(50): print({name!r})\nawait page.title()\nprint({name!r})" for name in "ab"]
    outcomes = await asyncio.gather(*(programs.run(PYTHON, code) for code in codes))

    assert ["a\n" * 51, "b\n" * 51] == [outcome.stdout for outcome in outcomes]


async def test_a_program_sees_no_keys_of_the_server(programs: Programs, monkeypatch):
    """
    Its environment is a short list, its home a folder of the session's own, which is not the server's.
    """
    monkeypatch.setenv("FIRECRAWL_API_KEY", "fc-SECRET")
    other = await programs.browsers.create(Wish())
    try:
        outcome = await attrs.evolve(programs, browser=other).run(BASH, "echo; env; pwd")
    finally:
        await programs.browsers.end(other)

    assert "SECRET" not in outcome.stdout
    assert "\nCDP_URL=ws://127.0.0.1:" in outcome.stdout
    assert "\nAGENT_BROWSER_CDP=ws://127.0.0.1:" in outcome.stdout
    assert f"HOME={tempfile.gettempdir()}" in outcome.stdout
    assert str(Path.cwd()) not in outcome.stdout.splitlines()


async def test_a_program_can_reach_the_browser_of_another_session(programs: Programs):
    """
    As the documentation says: Chromium's own port asks for no token, so code is trusted.
    """
    other = await programs.browsers.create(Wish())
    assert other.engine.endpoint is not None
    try:
        port = other.engine.endpoint.address.port
        code = f"import urllib.request\nurllib.request.urlopen('http://127.0.0.1:{port}/json/version').status"
        outcome = await programs.run(PYTHON, code)
    finally:
        await programs.browsers.end(other)

    assert "200" == outcome.result


async def test_an_interpreter_that_dies_between_two_runs_fails_neither(programs: Programs):
    """
    The next run has a new one.
    """
    code = "import asyncio, os\nx = 1\nasyncio.get_running_loop().call_later(0.01, os._exit, 7)\nos.getpid()"
    first = await programs.run(PYTHON, code)
    async with asyncio.timeout(30):
        while Path(f"/proc/{first.result}").exists():  # noqa: ASYNC110  # the kernel sets no event
            await asyncio.sleep(0.01)
    process = programs.runs._desks[programs.browser.id]._processes[PYTHON]
    async with asyncio.timeout(30):
        while not process.over:  # noqa: ASYNC110  # the same
            await asyncio.sleep(0.01)
    second = await programs.run(PYTHON, "'x' in dir()")

    assert RunOutcome(result="False") == second


async def test_a_program_that_writes_to_our_descriptors_harms_only_itself(programs: Programs):
    """
    What makes no sense there is not read; the run goes on.
    """
    outcome = await programs.run(PYTHON, "import os\nos.write(4, b'5\\n[]\\nnonsense\\n')\n'fine'")

    assert RunOutcome(result="fine") == outcome


async def test_an_answer_without_end_is_read_no_further(monkeypatch: pytest.MonkeyPatch):
    """
    A line that grows beyond the longest result is not kept, nor what follows it.
    """
    monkeypatch.setattr(process, "_LONGEST_ANSWER", 1000)
    reading, writing = os.pipe()
    answers = process._Answers(reading, asyncio.get_running_loop().create_future())
    os.write(writing, b"x" * 1001)
    answers._inlet.read()
    os.write(writing, b'\n{"result": "late"}\n')

    assert (False, 0, False) == (answers._inlet.read(), len(answers._text), answers.waiting)
    answers.close()
    os.close(reading)
    os.close(writing)


async def test_a_result_that_is_no_text_is_none(programs: Programs):
    """
    What the interpreter says after a program wrote to our descriptors is not heard any more.
    """
    outcome = await programs.run(PYTHON, "import os\nos.write(4, b'{\"result\": [[1]]}\\n')\n'lost'")

    assert RunOutcome(exit_code=1) == outcome


async def test_answers_without_number_are_read_no_further():
    """
    Whoever says more than a program has to say fills none of our memory, and its end is still heard of.
    """
    reading, writing = os.pipe()
    exited: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    answers = process._Answers(reading, exited)
    for _ in range(2):
        os.write(writing, b'{"a": 1}\n' * 1000)
        answers._inlet.read()
    exited.set_result("")
    await asyncio.sleep(0)  # Whoever waits for it hears of it in the loop's next round.
    kept = answers._queue.qsize()
    heard = [await answers.next() for _ in range(kept)]

    assert process._MOST_ANSWERS + 1 == kept
    assert {"exited": None} == heard[-1]
    answers.close()
    os.close(reading)
    os.close(writing)


async def test_a_pipe_that_somebody_goes_on_filling_is_read_no_further_at_the_end():
    """
    What killed its warden and left its group writes faster than we read; the server goes on.
    """
    reading, writing = os.pipe()
    exited: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    answers = process._Answers(reading, exited)
    pieces: list[bytes] = []

    def refill(data: bytes) -> None:
        pieces.append(data)
        assert len(pieces) < 1000, "it reads for ever"
        os.write(writing, data)

    answers._inlet._take = refill  # type: ignore[method-assign]  # as another process would
    os.write(writing, b"\n")
    answers._exited(exited)

    assert {"exited": None} == await answers.next()
    answers.close()
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("line", [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 100_000], ids=["[", "{", "9"])
async def test_an_answer_that_cannot_be_read_keeps_none_from_it_that_come_after(line: bytes):
    """
    Neither nesting deeper than we can follow nor a number longer than any.
    """
    reading, writing = os.pipe()
    answers = process._Answers(reading, asyncio.get_running_loop().create_future())
    answers._take(line + b'\n{"exit_code": 0}\n')

    assert {"exit_code": 0} == await answers.next()
    answers.close()
    os.close(reading)
    os.close(writing)


async def test_a_program_that_reads_no_commands_holds_nobody_up(tmp_path: Path):
    """
    What does not fit into its pipe any more is not heard; the server waits for no program.
    """
    lock = keep_clear(os.open(tmp_path, os.O_RDONLY))
    sleeping = process.Process.start(["/bin/sleep", "60"], os.environ, tmp_path, lock)
    os.close(lock)

    def tell_much() -> None:
        for _ in range(1000):
            sleeping.tell({"path": "x" * 200})

    telling = asyncio.create_task(asyncio.to_thread(tell_much))
    told, _ = await asyncio.wait((telling,), timeout=5)
    await sleeping.end()
    await asyncio.wait((telling,))

    assert {telling} == told


async def test_sessions_share_neither_variables_nor_pages(programs: Programs):
    """
    Each has interpreters, a folder and a browser of its own.
    """
    other = attrs.evolve(programs, browser=await programs.browsers.create(Wish()))
    try:
        await programs.run(PYTHON, f"secret = 1\n{GO[PYTHON]}\nopen('file', 'w').close()")
        outcome = await other.run(PYTHON, "import os\n('secret' in dir(), page.url, os.listdir())")
    finally:
        await programs.browsers.end(other.browser)

    assert outcome.result.startswith("(False, 'about:blank', [")
    assert "'file'" not in outcome.result


@pytest.mark.parametrize(
    ("language", "advice"),
    [(PYTHON, "pip install 'firecrawl-interact[playwright]'"), (NODE, "pip install"), (BASH, "no bash")],
)
async def test_what_is_missing_is_named(monkeypatch, language: str, advice: str):
    """
    Whoever asked learns what to install.
    """
    monkeypatch.setattr(shutil, "which", lambda *_: None)
    monkeypatch.setattr(tools, "_playwright", lambda: None)

    with pytest.raises(CannotRunError, match=advice.replace("[", r"\[")):
        tools.find(language)


async def test_the_end_of_the_browser_ends_the_run(programs: Programs):
    """
    Whoever waits for the run learns that the browser has ended; a later one is not started.
    """
    other = attrs.evolve(programs, browser=await programs.browsers.create(Wish()))
    await other.run(BASH, "true")
    running = asyncio.create_task(other.run(BASH, "touch started; sleep 60"))
    folder = programs.runs._desks[other.browser.id]._folder.data
    async with asyncio.timeout(30):
        while not (folder / "started").exists():  # noqa: ASYNC110  # the program sets no event
            await asyncio.sleep(0.01)
        await programs.browsers.end(other.browser)
        with pytest.raises(BrowserEndedError):
            await running

    with pytest.raises(BrowserEndedError):
        await other.run(BASH, "true")
    assert not folder.exists()

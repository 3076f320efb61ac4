"""``firecrawl-interact serve``: what it refuses before it serves."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from firecrawl_interact.cli import serve
from firecrawl_interact.cli.main import main
from firecrawl_interact.server import serving
from firecrawl_interact.server.careful import CarefulLauncher


def complaint(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    """
    Run the command; return its exit code and what it wrote to stderr.
    """
    code = main(["serve", *options])
    captured = capsys.readouterr()

    assert "" == captured.out
    return code, captured.err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "some.name.test"])
def test_address_that_others_reach_demands_a_key(capsys: pytest.CaptureFixture[str], host: str):
    """
    Nobody serves browsers to a network by accident.
    """
    code, text = complaint(capsys, "--host", host)

    assert 2 == code
    assert "FIRECRAWL_INTERACT_SERVE_KEY" in text


def test_empty_key_file_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """
    A file without a key does not mean "no key".
    """
    file = tmp_path / "key"
    file.write_text("\n")
    code, text = complaint(capsys, "--api-key-file", str(file))

    assert (2, True) == (code, "is empty" in text)


def test_missing_key_file_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """
    A file that cannot be read does not mean "no key".
    """
    code, text = complaint(capsys, "--api-key-file", str(tmp_path / "absent"))

    assert (2, True) == (code, "--api-key-file cannot be read: No such file or directory." in text)


def test_empty_host_is_refused(capsys: pytest.CaptureFixture[str]):
    """
    Nobody listens on all addresses because a variable was empty.
    """
    with pytest.raises(SystemExit) as caught:
        main(["serve", "--host", ""])

    assert 2 == caught.value.code
    assert "--host: must not be empty" in capsys.readouterr().err


@pytest.mark.parametrize("key", ["schlüssel", "two words", "tab\tbed", ""])
def test_key_that_no_header_can_carry_is_refused(capsys: pytest.CaptureFixture[str], key: str):
    """
    A server that nobody could ever enter does not start, and does not repeat its key.
    """
    code, text = complaint(capsys, "--api-key", key)

    assert (2, 1) == (code, text.count("\n"))
    assert not key or key not in text


def test_key_of_the_environment_is_looked_at_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """
    The line names the variable.
    """
    monkeypatch.setenv("FIRECRAWL_INTERACT_SERVE_KEY", "schlüssel")
    code, text = complaint(capsys)

    assert 2 == code
    assert "FIRECRAWL_INTERACT_SERVE_KEY must be" in text


@pytest.mark.parametrize(
    ("options", "warned"),
    [
        (["--host", "127.0.0.2", "--cdp", "port"], 0),
        (["--host", "0.0.0.0", "--cdp", "port"], 1),
        (["--public-url", "https://box.example", "--cdp", "port"], 1),
        (["--host", "0.0.0.0"], 0),
    ],
    ids=["alone", "network", "proxy", "network, closed"],
)
def test_a_shared_server_says_once_whom_it_trusts(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    warned: int,
):
    """
    Chromium's own port asks for no key: that matters to those who open it and serve others.
    """
    monkeypatch.setenv("FIRECRAWL_INTERACT_SERVE_KEY", "fc-key")
    with socket.create_server(("127.0.0.2" if "127.0.0.2" in options else "0.0.0.0", 0)) as other:
        complaint(capsys, "--port", str(other.getsockname()[1]), *options)

    assert warned == caplog.text.count("can drive its browsers without the key")


@pytest.mark.parametrize(
    ("options", "variable", "chosen"),
    [
        ([], "", "port"),
        (["--allow-execute"], "", "pipe"),
        (["--host", "0.0.0.0"], "", "pipe"),
        (["--public-url", "https://box.example"], "", "pipe"),
        ([], "pipe", "pipe"),
        (["--allow-execute"], "port", "port"),
        (["--cdp", "pipe"], "port", "pipe"),
    ],
)
def test_browsers_take_commands_from_the_server_alone_where_others_could_reach_their_port(
    monkeypatch: pytest.MonkeyPatch, options: list[str], variable: str, chosen: str
):
    """
    The option is asked first, then the variable, then whom the server is for.
    """
    launchers: list[CarefulLauncher] = []

    async def note(*, launcher: CarefulLauncher, **_: object) -> None:
        launchers.append(launcher)

    monkeypatch.setattr(serving, "serve", note)
    monkeypatch.setenv("FIRECRAWL_INTERACT_SERVE_KEY", "fc-key")
    monkeypatch.setenv("FIRECRAWL_INTERACT_CDP", variable)
    main(["serve", *options])

    assert [chosen] == [each._launcher._debugging.value for each in launchers]


def test_way_that_is_neither_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """
    A port is not left open over a misspelt word.
    """
    monkeypatch.setenv("FIRECRAWL_INTERACT_CDP", "pipes")
    code, text = complaint(capsys)

    assert 2 == code
    assert "FIRECRAWL_INTERACT_CDP must be port or pipe, not 'pipes'" in text


def test_browser_that_is_missing_is_told_at_the_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
):
    """
    Who starts the server hears of it, and not only who opens the first session.
    """
    monkeypatch.setenv("FIRECRAWL_INTERACT_BROWSER", "no-such-browser")
    with socket.create_server(("127.0.0.1", 0)) as other:  # It ends at once: the port is in use.
        complaint(capsys, "--port", str(other.getsockname()[1]))

    assert "FIRECRAWL_INTERACT_BROWSER names 'no-such-browser'" in caplog.text


def test_port_in_use_is_said(capsys: pytest.CaptureFixture[str]):
    """
    Who already has the port is not known, that somebody has it is.
    """
    with socket.create_server(("127.0.0.1", 0)) as other:
        code, text = complaint(capsys, "--port", str(other.getsockname()[1]))

    assert 1 == code
    assert "Cannot listen on 127.0.0.1" in text
    assert text.endswith(": Address already in use.\n")


@pytest.mark.parametrize("port", ["-1", "65536", "http", ""])
def test_port_outside_the_bounds_is_refused(capsys: pytest.CaptureFixture[str], port: str):
    """
    The bounds are named.
    """
    with pytest.raises(SystemExit) as caught:
        main(["serve", f"--port={port}"])

    assert 2 == caught.value.code
    assert "from 0 to 65535" in capsys.readouterr().err


def test_help_says_that_a_key_in_the_command_line_can_be_seen(capsys: pytest.CaptureFixture[str]):
    """
    Whoever gives the key that way is told who else gets it.
    """
    with pytest.raises(SystemExit):
        main(["serve", "--help"])

    assert "ps shows it" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "cannot be used"),
        ('{"rules": [{"on": "create", "do": "explode"}]}', "lag, outage @ rules[0].do"),
        ('{"rules": [{"on": "birth", "do": "drop"}]}', "on must be one of any, create, "),
        ('{"rules": [{"do": "delay", "seconds": "x"}]}', "'x' @ rules[0].seconds"),
        ('{"rules": [{"do": "delay", "secs": 1}]}', "extra fields found (secs) @ rules[0]"),
        ('{"rules": ["drop"]}', "must be an object @ rules[0]"),
    ],
    ids=["empty", "action", "kind", "number", "field", "no object"],
)
def test_bad_fault_plan_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, told: str):
    """
    A plan that cannot be read names what is wrong with it.
    """
    file = tmp_path / "plan.json"
    file.write_text(text)
    code, complained = complaint(capsys, "--test-faults", str(file))

    assert (2, True) == (code, told in complained)


def test_missing_fault_plan_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """
    A plan that is not there is told in the system's words, without its number.
    """
    code, text = complaint(capsys, "--test-faults", str(tmp_path / "absent.json"))

    assert (2, True) == (code, "--test-faults cannot be used: No such file or directory." in text)


def test_fault_plan_is_for_loopback_only(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """
    A server that misbehaves on purpose is not shown to a network.
    """
    options = ("--host", "0.0.0.0", "--api-key", "k", "--test-faults", str(tmp_path / "plan.json"))
    code, text = complaint(capsys, *options)

    assert (2, True) == (code, "loopback only" in text)


def test_running_code_demands_a_key(capsys: pytest.CaptureFixture[str]):
    """
    On loopback too: whoever can reach it could run what they like.
    """
    code, text = complaint(capsys, "--allow-execute")

    assert (2, True) == (code, "--allow-execute demands a key" in text)


@pytest.mark.parametrize("option", ["--spare", "--max-sessions"])
@pytest.mark.parametrize("number", ["-1", "many", "10001", ""])
def test_number_outside_the_bounds_is_refused(capsys: pytest.CaptureFixture[str], option: str, number: str):
    """
    The bounds are named.
    """
    with pytest.raises(SystemExit) as caught:
        main(["serve", f"{option}={number}"])

    assert 2 == caught.value.code
    assert "from 0 to 10000" in capsys.readouterr().err


@pytest.mark.parametrize(
    "url", ["browsers.example", "ftp://browsers.example", "https://", "https://a.example/b"]
)
def test_public_address_must_be_an_origin(capsys: pytest.CaptureFixture[str], url: str):
    """
    What it ought to look like is shown.
    """
    with pytest.raises(SystemExit) as caught:
        main(["serve", "--public-url", url])

    assert 2 == caught.value.code
    assert "https://browsers.example" in capsys.readouterr().err


@pytest.mark.parametrize(("mode", "reason"), [(0o755, "mode 0700"), (None, "Not a directory")])
def test_folder_that_can_keep_no_profiles_is_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: int | None, reason: str
):
    """
    Else the first session with a profile would tell.
    """
    folder = tmp_path / "profiles"
    if mode is None:
        folder.touch()
        folder /= "within"
    else:
        folder.mkdir(mode)
        folder.chmod(mode)
    code = main(["serve", "--profile-dir", str(folder)])

    assert 2 == code
    assert "--profile-dir cannot be used" in (error := capsys.readouterr().err)
    assert reason in error


def test_public_address_with_a_path_is_refused_with_the_reason(capsys: pytest.CaptureFixture[str]):
    """
    Behind a proxy the server needs a name of its own: clients ask for paths from the root.
    """
    with pytest.raises(SystemExit):
        main(["serve", "--public-url", "https://box.example/browsers"])

    assert "clients drop a path" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("public_url", "told"), [(None, "http://127.0.0.1:3002"), ("https://b.example", "https://b.example")]
)
def test_terminal_is_told_how_to_go_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, public_url: str | None, told: str
):
    """
    The line for programs stays as it is; people read addresses that work.
    """
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    serve._announce("http://0.0.0.0:3002", public_url=public_url)
    shown = capsys.readouterr()

    assert "Listening on http://0.0.0.0:3002\n" == shown.out
    assert f"FIRECRAWL_API_URL={told}\n" in shown.err

"""`firecrawl-interact serve`: local browsers behind the providers' own API, in the foreground."""

from __future__ import annotations

import argparse
import functools
import ipaddress
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from firecrawl_interact.cli import logs
from firecrawl_interact.config import Settings
from firecrawl_interact.errors import InvalidOptionError, LocalBrowserError

if TYPE_CHECKING:
    from firecrawl_interact.server.faults import FaultPlan
    from firecrawl_interact.server.settings import ServerSettings

HELP = "run local browsers behind the providers' own API"

HOST = "127.0.0.1"
PORT = 3002  # Where self-hosted Firecrawl servers listen.
HIGHEST_PORT = 65535
MOST = 10_000  # Browsers; beyond what one machine can run.

_log = logging.getLogger(__name__)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--host", type=_host, default=HOST, help="address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=PORT,
        help="port to listen on, 0 for any that is free (default: %(default)s)",
    )
    key = parser.add_mutually_exclusive_group()
    key.add_argument(
        "--api-key-file",
        type=Path,
        metavar="PATH",
        help="file with the API key to ask for (default: $FIRECRAWL_INTERACT_SERVE_KEY)",
    )
    key.add_argument(
        "--api-key", metavar="KEY", help="the same, for tests: ps shows it to everybody on this machine"
    )
    _configure_capacity(parser)
    parser.add_argument(
        "--public-url",
        type=_public_url,
        metavar="URL",
        help="address by which others know this server, such as that of a proxy in front of it",
    )
    parser.add_argument(
        "--allow-execute",
        action="store_true",
        help="run code that callers send, on this machine and as this user; demands a key",
    )
    parser.add_argument(
        "--cdp",
        choices=("port", "pipe"),
        help="how browsers take commands: at a port of their own, which whoever runs programs on this"
        " machine can reach, or from this server alone (default: $FIRECRAWL_INTERACT_CDP, else pipe with"
        " --allow-execute, --public-url or another address than loopback, else port)",
    )
    parser.add_argument(
        "--profile-dir",
        type=Path,
        metavar="PATH",
        help="folder to keep profiles in (default: one among your state files)",
    )
    parser.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="how to log to stderr (default: %(default)s)",
    )
    parser.add_argument(
        "--access-log", action="store_true", help="log every request, without ids, tokens and keys"
    )
    parser.add_argument(
        "--test-faults",
        type=Path,
        metavar="PATH",
        help="JSON file that says how to misbehave, for tests of clients; loopback only",
    )


def run(args: argparse.Namespace) -> int:
    """
    Serve until SIGTERM or SIGINT, then end every browser.

    Raises:
        InvalidOptionError: An option cannot be used, or demands a key.
        LocalBrowserError: The address cannot be listened on.
    """
    from firecrawl_interact.server import binary
    from firecrawl_interact.server.careful import CarefulLauncher
    from firecrawl_interact.server.chromium import ChromiumLauncher
    from firecrawl_interact.server.engine import Debugging
    from firecrawl_interact.server.loop import run as run_loop
    from firecrawl_interact.server.parent import become_parent
    from firecrawl_interact.server.serving import serve  # aiohttp's server, which no other command needs

    settings = Settings.from_env()
    key = _key(args, settings)
    if key is None:
        _refuse_open_doors(args)
    faults = _faults(args)
    logs.configure(args.log_format, access=args.access_log)
    cdp = _cdp(args, settings)
    if _serves_others(args) and cdp == "port":
        _log.warning("Whoever can run programs on this machine can drive its browsers without the key.")
    try:
        binary.find(settings.browser)
    except LocalBrowserError as error:
        _log.warning("No session can be opened yet. %s", error)
    become_parent()
    try:
        run_loop(
            serve(
                host=args.host,
                port=args.port,
                key=key,
                launcher=CarefulLauncher(ChromiumLauncher(settings.browser, debugging=Debugging(cdp))),
                announce=functools.partial(_announce, public_url=args.public_url),
                faults=faults,
                settings=_settings(args),
                most=args.max_sessions,
                spare=args.spare,
            )
        )
    except OSError as error:
        # asyncio's own text repeats the address; the system's is what people know.
        named = error.errno is not None and error.errno > 0  # Not so where a name leads nowhere.
        reason = os.strerror(error.errno or 0) if named else error.strerror or error
        raise LocalBrowserError(f"Cannot listen on {args.host}, port {args.port}: {reason}.") from error
    return 0


def _configure_capacity(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max-sessions",
        type=_count,
        metavar="N",
        help="browsers that may run at a time (default: as many as the machine has room for)",
    )
    parser.add_argument(
        "--spare",
        type=_count,
        default=0,
        metavar="N",
        help="browsers kept running ahead, so that a session opens at once (default: %(default)s)",
    )


def _cdp(args: argparse.Namespace, settings: Settings) -> str:
    """Tell how browsers are to take commands; a port serves whoever can reach it."""
    careful = args.allow_execute or _serves_others(args)
    return args.cdp or settings.cdp or ("pipe" if careful else "port")


def _settings(args: argparse.Namespace) -> ServerSettings:
    from firecrawl_interact.server.settings import ServerSettings

    return ServerSettings(
        public_url=args.public_url, allow_execute=args.allow_execute, profile_dir=_profile_dir(args)
    )


def _serves_others(args: argparse.Namespace) -> bool:
    """Tell whether it is to serve more than this machine."""
    return not _is_loopback(args.host) or args.public_url is not None


def _profile_dir(args: argparse.Namespace) -> Path | None:
    """Refuse a folder that can keep no profiles: else the first session with one would tell."""
    folder: Path | None = args.profile_dir
    if folder is not None:
        from firecrawl_interact.server.profile_store import ProfileFolder

        try:
            ProfileFolder(folder).prepare()
        except LocalBrowserError as error:
            raise InvalidOptionError(
                f"--profile-dir cannot be used. {error}", option="profile_dir"
            ) from error
    return folder


def _announce(base_url: str, *, public_url: str | None) -> None:
    """Say where; programs read the first line, people at a terminal are told how to go on."""
    print(f"Listening on {base_url}", flush=True)
    if sys.stderr.isatty():
        reached = public_url or base_url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
        print(f"  for programs  FIRECRAWL_API_URL={reached}", file=sys.stderr)
        print(f"  for you       {reached}/", file=sys.stderr)
        print("  Ctrl-C ends it, and every browser.", file=sys.stderr)


def _refuse_open_doors(args: argparse.Namespace) -> None:
    """Refuse what may be done with a key only."""
    if not _is_loopback(args.host):
        raise InvalidOptionError(
            f"{args.host} can be reached by others: set FIRECRAWL_INTERACT_SERVE_KEY or --api-key-file.",
            option="host",
            value=args.host,
        )
    if args.allow_execute:
        raise InvalidOptionError(
            "--allow-execute demands a key: set FIRECRAWL_INTERACT_SERVE_KEY or --api-key-file.",
            option="allow_execute",
            value=True,
        )


def _key(args: argparse.Namespace, settings: Settings) -> str | None:
    if args.api_key_file is not None:
        return _usable(_read_key(args), "--api-key-file")
    if args.api_key is not None:
        return _usable(args.api_key, "--api-key")
    return None if settings.serve_key is None else _usable(settings.serve_key, "FIRECRAWL_INTERACT_SERVE_KEY")


def _read_key(args: argparse.Namespace) -> str:
    try:
        return str(args.api_key_file.read_text(encoding="utf-8").strip())
    except (OSError, ValueError) as error:
        raise InvalidOptionError(
            f"--api-key-file cannot be read: {_reason(error)}", option="api_key_file"
        ) from error


def _usable(key: str, source: str) -> str:
    """Refuse what no client could show in a header; the key itself is not repeated."""
    if not key:
        raise InvalidOptionError(f"{source} is empty.", option="api_key")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise InvalidOptionError(
            f"{source} must be printable ASCII without blanks: it travels in a header.", option="api_key"
        )
    return key


def _faults(args: argparse.Namespace) -> FaultPlan | None:
    if args.test_faults is None:
        return None
    if not _is_loopback(args.host):
        raise InvalidOptionError("--test-faults is for loopback only.", option="test_faults")
    from firecrawl_interact.server.faults import FaultPlan

    try:
        return FaultPlan.load(args.test_faults)
    except (OSError, ValueError) as error:
        raise InvalidOptionError(
            f"--test-faults cannot be used: {_reason(error)}", option="test_faults"
        ) from error


def _reason(error: OSError | ValueError) -> str:
    """Tell why a file was of no use; which one, the caller has just named."""
    return f"{error.strerror}." if isinstance(error, OSError) else str(error)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # A name: whom it leads to is not known.


def _host(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("must not be empty; 0.0.0.0 or :: listens on all addresses")
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to {HIGHEST_PORT}, not {text!r}")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to {MOST}, not {text!r}")
    return int(text)


def _public_url(text: str) -> str:
    from firecrawl_interact.server.public import host_of

    try:
        host_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text.rstrip("/")

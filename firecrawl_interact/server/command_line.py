"""What a Chromium is started with: its arguments, its environment."""

from __future__ import annotations

import os
from pathlib import Path

from firecrawl_interact.config import child_environment
from firecrawl_interact.server import binary
from firecrawl_interact.server.engine import Debugging, LaunchSpec
from firecrawl_interact.server.scratch import Scratch

# With both, a browser listens at a port and ends with its pipe.
_DEBUGGING = {
    Debugging.PORT: ("--remote-debugging-port=0", "--remote-debugging-pipe"),
    Debugging.PIPE: ("--remote-debugging-pipe",),
}
_FLAGS = (
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pings",
    "--mute-audio",
    "--password-store=basic",
    "--use-mock-keychain",
    "--metrics-recording-only",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-component-update",
    "--disable-crash-reporter",
    "--disable-crashpad-for-testing",  # Its handler would leave our group.
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-features=MediaRouter,OptimizationHints,Translate",
    "--disable-quic",
    "--disable-search-engine-choice-screen",
    "--disable-sync",
    # Agents work in several tabs at once, none of which is ever in front.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
)
_LONGEST_TMPDIR = 56  # Characters; Chromium adds 48 and makes a socket there, whose path has room for 104.
_SMALL_SHM = 512 * 1024 * 1024  # Bytes; with less in /dev/shm (containers: 64 MiB) pages crash.


def arguments(program: Path, spec: LaunchSpec, debugging: Debugging) -> list[str]:
    """Say what a browser is told beside its folder."""
    given = [*_DEBUGGING[debugging], *_FLAGS, f"--window-size={spec.width},{spec.height}"]
    if not binary.is_headless_shell(program):
        # Without a crash handler, its network process closes a descriptor that it does not own, and dies
        # (seen in version 156): no page loads. The handler would outlive us, so the process goes instead.
        given += ["--headless=new", "--enable-features=NetworkServiceInProcess2"]
    if _shm_is_small():
        given.append("--disable-dev-shm-usage")
    return [*given, "about:blank"]


def environment(folder: Scratch) -> dict[str, str]:
    """Let it write nowhere but into its folder."""
    env = {name: value for name, value in child_environment().items() if not name.startswith("XDG_")}
    env["HOME"] = str(folder.data)
    if len(env["HOME"]) <= _LONGEST_TMPDIR:
        env["TMPDIR"] = env["HOME"]
    return env


def _shm_is_small() -> bool:
    try:
        room = os.statvfs("/dev/shm")  # noqa: S108  # asked about, not written to
    except OSError:
        return False
    return room.f_frsize * room.f_blocks < _SMALL_SHM

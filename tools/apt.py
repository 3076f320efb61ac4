"""Debian packages, where apt and the rights to use it are there."""

from __future__ import annotations

import os
import shutil
import subprocess

LOCK_WAIT = 300  # Seconds to wait for another apt to let go of its lock.
RETRIES = 3  # Of each download.


def install(*packages: str) -> bool:
    """
    Install packages, after an update of apt's lists; True if all of them are installed then.

    Never asks, and prints one line: apt's own output names the hosts it talks to.
    """
    prefix = _rights()
    if prefix is None:
        return False
    print("Installing", *packages, "with apt-get", flush=True)
    options = ("-o", f"DPkg::Lock::Timeout={LOCK_WAIT}", "-o", f"Acquire::Retries={RETRIES}")
    apt = [*prefix, "apt-get", "-qq", *options]
    # A list that cannot be updated may still hold the package, so this step may fail.
    _quietly([*apt, "update"])
    return _quietly([*apt, "install", "--yes", "--no-install-recommends", *packages])


def _rights() -> list[str] | None:
    """Return what to put before the command, or None if packages cannot be installed here."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    sudo = ["sudo", "--non-interactive"]
    if shutil.which("sudo") is not None and _quietly([*sudo, "true"]):
        return sudo
    return None


def _quietly(command: list[str]) -> bool:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return done.returncode == 0

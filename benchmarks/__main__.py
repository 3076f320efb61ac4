"""Run every benchmark, each as the program that it is; `nox -s bench` comes here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NAMES = ("imports", "cycles", "soak", "local", "live", "death", "lag", "server")


def main() -> int:
    """Run them in turn; a failing one does not stop the others."""
    folder = Path(__file__).resolve().parent
    failed = [
        name
        for name in NAMES
        if subprocess.run([sys.executable, folder / f"{name}.py", *sys.argv[1:]], check=False).returncode
    ]
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Fails for a Python file of more than 300 lines that does not say at its top why it is that long."""

import subprocess
import sys
from pathlib import Path

LIMIT = 300
REASON = "# long because "
TOP = 15


def too_long(text: str) -> bool:
    """Whether a file is over the limit and none of its first lines gives the reason."""
    lines = text.splitlines()
    return len(lines) > LIMIT and not any(line.startswith(REASON) for line in lines[:TOP])


def main() -> int:
    """Check what git knows or would add."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"]
    names = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\n")
    paths = [Path(name) for name in names if name and Path(name).exists()]
    guilty = [str(path) for path in paths if too_long(path.read_text(encoding="utf-8"))]
    for name in guilty:
        print(f"{name}: over {LIMIT} lines; split it, or give the reason in a line `{REASON}...` at its top")
    return 1 if guilty else 0


if __name__ == "__main__":
    sys.exit(main())

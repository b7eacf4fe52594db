"""Java and the jars of a server, from Maven Central into the cache."""

import hashlib
import shutil
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from consumers.local import cache
from consumers.local.service import LocalServicesError
from consumers.local.workspace import Workspace

INSTALL = "apt-get install openjdk-17-jre-headless maven (macOS: brew install openjdk@17 maven)"

# Servers that live for minutes: cheap compilation, one collector thread, no files in the temporary directory.
JVM = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData")


def java() -> str:
    """Path of `java`.

    Raises:
        LocalServicesError: It is missing; names the line that installs it.
    """
    return _program("java")


def jars(name: str, workspace: Workspace, progress: Callable[[str], None], pom: bytes | None = None) -> Path:
    """The directory with everything a pom names, by default the package's `NAME.pom.xml`; downloaded on first use.

    Raises:
        LocalServicesError: Maven is missing or failed.
    """
    wanted = pom or resources.files("consumers.local").joinpath(f"{name}.pom.xml").read_bytes()

    def download(target: Path) -> None:
        progress(f"{name}: downloading its jars, once")
        (target / "pom.xml").write_bytes(wanted)
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}"]
        command = [_program("mvn"), "-q", "-B", "-f", str(target / "pom.xml"), *goal]
        workspace.run(command, workspace.logs / f"{name}-maven.log")

    return cache.prepared(f"{name}-{hashlib.sha256(wanted).hexdigest()[:12]}", download)


def _program(name: str) -> str:
    found = shutil.which(name)
    if not found:
        raise LocalServicesError(f"{name} is missing: {INSTALL}")
    return found

"""Writes DynamoDBLocal.jar, which only says where the other jars are: `java -jar DynamoDBLocal.jar` as published."""

import sys
import zipfile
from pathlib import Path

MAIN = "software.amazon.dynamodb.services.local.main.ServerRunner"


def folded(line: str) -> str:
    """A manifest line has at most 72 bytes and goes on after a space."""
    parts = [line[:70], *(f" {line[start : start + 69]}" for start in range(70, len(line), 69))]
    return "\r\n".join(parts)


context = Path(sys.argv[1])
jars = sorted(path.name for path in (context / "libs").glob("*.jar"))
class_path = folded("Class-Path: " + " ".join(f"DynamoDBLocal_lib/{name}" for name in jars))
with zipfile.ZipFile(context / "DynamoDBLocal.jar", "w") as jar:
    jar.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\r\nMain-Class: {MAIN}\r\n{class_path}\r\n\r\n")

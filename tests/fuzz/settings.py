"""lapse.yaml: settings that can be used, or a SettingsError that names file and key, and no secret in it."""

import random
import tempfile
from functools import cache
from pathlib import Path

from consumers.domain import rows
from consumers.settings import SettingsError, load_settings
from tests.fuzz.cases import Target
from tests.fuzz.documents import document_of
from tests.fuzz.rules import ENVIRON

CANARY = "c2VjcmV0/CANARY+="
BASES = (
    f"""
kafka:
  bootstrap_servers: "b-1:9092,b-2:9092"
  prefix: lapse.
  group_protocol: classic
  properties: {{security.protocol: SASL_SSL, sasl.password: {CANARY}, max.poll.interval.ms: 300000}}
table: {{name: lapse, region: eu-north-1}}
purposes:
  marketing: {{retention: {{days: 30}}, products: [loan, activity], services: [crm, newsletter]}}
  bookkeeping:
    retention: {{years: 7, counted_from: end_of_year, timezone: Europe/Stockholm, rounding: day}}
    services: [core-legacy]
always: [dispute]
active_products:
  kind: http
  url: https://active.example/
  token: {CANARY}
  timeout_seconds: 3.5
lease_seconds: 3600
claims_per_day: 500
personal_data: "[@ ]|\\\\d{{6}}-\\\\d{{4}}"
id_hash_key: {CANARY}
""",
    f"""
purposes: {{care: {{retention: {{months: 1}}, services: [crm]}}}}
active_products: {{kind: sql, url: "postgresql://u:{CANARY}@h/x", query: "SELECT id FROM t WHERE id IN :customers"}}
services: services
refusal_retry_seconds: 5
batch: 100
""",
)


@cache
def _file() -> Path:
    return Path(tempfile.mkdtemp(prefix="lapse-fuzz-")) / "lapse.yaml"


def make(chance: random.Random) -> bytes:
    """A file made wrong."""
    return document_of(chance, BASES, {})


def judge(case: bytes) -> str:
    """Load it as every command does."""
    _file().write_bytes(case)
    try:
        settings = load_settings(_file(), ENVIRON)
    except SettingsError as error:
        return _refused(error)
    assert settings.kafka.budget_seconds > 0
    rows.policy(rows.to_json(settings.policy()))  # as `lapse policy apply` writes it
    return "settings"


def _refused(error: SettingsError) -> str:
    assert "CANARY" not in f"{error} {error!r} {error.args}", "a secret is shown"
    assert _file().name in str(error)
    str(error).encode()  # or the one who is to repair it sees a traceback instead
    assert error.__context__ is None or error.__suppress_context__, "the error it was made of would be printed"
    return "refused"


TARGET = Target("settings", make, judge)

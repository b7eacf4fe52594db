"""Settings: one frozen model from lapse.yaml, every key overridable by environment (`LAPSE__KAFKA__BOOTSTRAP_SERVERS`).

Roles never see it; app.py hands them plain values.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from consumers.domain.errors import PermanentError
from consumers.domain.failures import BUDGET_SHARE
from consumers.domain.policy import Policy, Purpose
from consumers.domain.retention import Retention
from consumers.yaml_text import YamlTextError, read_yaml

DEFAULT_FILE = "lapse.yaml"
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,63}")
_POLL_INTERVAL = re.compile(r"[1-9][0-9]{0,8}")


class SettingsError(PermanentError):
    """The settings cannot be used."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(_Part):
    """The cluster. `properties` pass through to librdkafka.

    `group_protocol` consumer is KIP-848, for brokers from 4.0 on; a group changes it with all its members stopped.
    """

    bootstrap_servers: str = "127.0.0.1:9092"
    prefix: str = "lapse."
    group_protocol: Literal["classic", "consumer"] = "classic"
    properties: dict[str, str | int | float | bool] = Field({}, repr=False)  # a password may be among them

    @field_validator("properties")
    @classmethod
    def _has_its_own_key(cls, properties: dict[str, str | int | float | bool]) -> dict[str, str | int | float | bool]:
        if "group.protocol" in properties:
            raise ValueError("group.protocol has a key of its own: kafka.group_protocol")
        if not _POLL_INTERVAL.fullmatch(str(properties.get("max.poll.interval.ms", 300_000))):
            raise ValueError("max.poll.interval.ms is a whole number of milliseconds, such as 300000")
        return properties

    @property
    def budget_seconds(self) -> float:
        """How long a batch may take, so that a rebalance does not wait for it."""
        return BUDGET_SHARE * float(self.properties.get("max.poll.interval.ms", 300_000)) / 1000


class TableSettings(_Part):
    """The DynamoDB table. `endpoint_url` None: AWS itself."""

    name: str = "lapse"
    region: str = "eu-north-1"
    endpoint_url: str | None = None


class RetentionSettings(_Part):
    """How long data is kept after its reason has ended."""

    years: int = Field(0, ge=0, le=200)
    months: int = Field(0, ge=0, le=2400)
    days: int = Field(0, ge=0, le=73_000)
    counted_from: Literal["event", "end_of_year"] = "event"
    timezone: str = "UTC"
    rounding: Literal["day"] = "day"

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError("not a time zone of the tz database, such as Europe/Stockholm") from None
        return name


class PurposeSettings(_Part):
    """Why a group of services keeps data. `products` None: every kind of product counts."""

    retention: RetentionSettings
    services: tuple[Name, ...]
    products: tuple[str, ...] | None = None


class SqlActiveSettings(_Part):
    """A central list of active products in a PostgreSQL database."""

    kind: Literal["sql"]
    url: SecretStr
    query: str
    type: Literal["text", "integer", "uuid"] = "text"
    timeout_seconds: float = Field(10.0, gt=0)


class HttpActiveSettings(_Part):
    """A central list of active products behind HTTP. `token_file` is read at the start of a role."""

    kind: Literal["http"]
    url: str
    token: SecretStr | None = None
    token_file: Path | None = None
    timeout_seconds: float = Field(10.0, gt=0)

    def bearer(self) -> str | None:
        """The token, from its file where one is named. SettingsError: the file cannot be read."""
        if self.token_file is None:
            return self.token.get_secret_value() if self.token else None
        try:
            return self.token_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            problem = type(error).__name__
        raise SettingsError(f"active_products.token_file: {self.token_file} cannot be read ({problem})")


def _pattern(written: object) -> object:
    try:
        return re.compile(written) if isinstance(written, str) else written
    except (re.error, RecursionError, OverflowError):
        raise ValueError("not a regular expression") from None


class Settings(BaseSettings):
    """Everything a process of Lapse needs to know."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="LAPSE__",
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    kafka: KafkaSettings = KafkaSettings()
    table: TableSettings = TableSettings()
    purposes: dict[Name, PurposeSettings] = {}
    always: tuple[str, ...] = ()
    active_products: Annotated[SqlActiveSettings | HttpActiveSettings, Field(discriminator="kind")] | None = None
    services: Path = Path("services")
    lease_seconds: int = Field(6 * 3600, ge=1)
    claims_per_day: int = Field(10_000, ge=0)
    claims_growth: int = Field(3, ge=1)
    first_run_claims: int = Field(100, ge=1)
    refusal_retry_seconds: int | None = Field(None, ge=0)
    barrier_seconds: float = Field(5.0, gt=0)
    batch: int = Field(500, ge=1, le=10_000)
    cache_items: int = Field(50_000, ge=0)
    health_host: str = "127.0.0.1"
    health_port: int | None = None
    id_hash_key: str = Field("", repr=False)
    personal_data: Annotated[re.Pattern[str] | None, BeforeValidator(_pattern)] = None
    log_json: bool = True

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    def policy(self) -> Policy:
        """The policy these settings ask for; in force only once `lapse policy apply` wrote it to the table."""
        return Policy(
            purposes={name: _purpose(name, purpose) for name, purpose in self.purposes.items()},
            always=frozenset(self.always),
            lease=self.lease_seconds * 1_000_000,
            cap=self.claims_per_day,
            growth=self.claims_growth,
            first_run=self.first_run_claims,
            retry=None if self.refusal_retry_seconds is None else self.refusal_retry_seconds * 1_000_000,
        )


def _purpose(name: str, settings: PurposeSettings) -> Purpose:
    products = None if settings.products is None else frozenset(settings.products)
    return Purpose(name, Retention(**settings.retention.model_dump()), settings.services, products)


def load_settings(file: Path | None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read lapse.yaml and the environment.

    Args:
        file: The file named by the user; None: lapse.yaml in the working directory, if there is one.
        environ: Where `LAPSE__…` is looked for; only to say which keys came from there.

    Raises:
        SettingsError: Says file, key, what is wrong, and what would be right.
    """
    path = file or Path(DEFAULT_FILE)
    if file is None and not path.exists():
        return _checked({}, path, environ)
    return _checked(_read(path), path, environ)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = read_yaml(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); name another file with --config") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: cannot be read (bad encoding); save it as UTF-8") from None
    except YamlTextError as error:
        raise SettingsError(f"{path}: {error}") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise SettingsError(f"{path}: must be a mapping of keys such as `kafka:` and `purposes:`")
    # before they become arguments: some that are no settings would be obeyed
    if unknown := [key for key in found if key not in Settings.model_fields]:
        raise SettingsError("\n".join([f"{path}: not usable", *(f"  {_shown(key)}: no such key" for key in unknown)]))
    return found


def _checked(values: dict[str, Any], path: Path, environ: Mapping[str, str]) -> Settings:
    try:
        return Settings(**values)
    except ValidationError as error:
        lines = [f"  {_key(each['loc'], environ)}: {_told(each)}" for each in error.errors(include_input=False)]
        raise SettingsError("\n".join([f"{path}: not usable", *lines])) from None


def _told(detail: ErrorDetails) -> str:
    # pydantic's own words quote what is written there
    if detail["type"] != "union_tag_invalid":
        return detail["msg"]
    return f"kind is one of {detail['ctx']['expected_tags']}"


def _shown(part: object) -> str:
    # without the space behind its colon a secret is part of the key
    return str(part) if _WORD.fullmatch(str(part)) else "(a key that is no name)"


def _key(location: tuple[int | str, ...], environ: Mapping[str, str]) -> str:
    name = "__".join(["LAPSE", *(str(part).upper() for part in location)])
    dotted = ".".join(map(_shown, location))
    return f"{dotted} (from {name})" if name in environ else dotted

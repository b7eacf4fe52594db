from pathlib import Path

import pytest

from consumers.settings import HttpActiveSettings, SettingsError, load_settings

GOOD = """
kafka: {bootstrap_servers: "broker:9092", properties: {security.protocol: SSL}}
purposes:
  no:
    retention: {years: 7, counted_from: end_of_year, timezone: Europe/Stockholm}
    services: [crm, on]
    products: [loan]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "lapse.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_settings_read_yaml_1_2_where_no_and_on_are_words(tmp_path: Path) -> None:
    policy = load_settings(write(tmp_path, GOOD)).policy()
    assert policy.purposes["no"].services == ("crm", "on")
    assert policy.purposes["no"].products == frozenset({"loan"})


def test_settings_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAPSE__KAFKA__BOOTSTRAP_SERVERS", "other:9092")
    settings = load_settings(write(tmp_path, GOOD))
    assert settings.kafka.bootstrap_servers == "other:9092"
    assert settings.kafka.properties == {"security.protocol": "SSL"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kafka: [", "line 1"),
        ("- a", "mapping"),
        ("kafka: {bootstrap: x}", "kafka.bootstrap"),
        ("claims_per_day: many", "claims_per_day"),
        ("purposes: {a: {retention: {days: 1, timezone: Europe/Nowhere}, services: []}}", "Europe/Stockholm"),
        ("purposes: {a: {retention: {dayz: 1}, services: []}}", "dayz"),
        ("purposes: {A B: {retention: {days: 1}, services: []}}", "purposes"),
    ],
)
def test_settings_that_are_wrong_are_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load_settings(write(tmp_path, text))


def test_settings_never_print_a_value(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(write(tmp_path, "id_hash_key: {secret: hunter2}"))
    assert "hunter2" not in str(raised.value)


def test_settings_do_not_show_their_secrets(tmp_path: Path) -> None:
    text = "{id_hash_key: hunter2, kafka: {properties: {sasl.password: hunter3}}}"
    assert "hunter" not in repr(load_settings(write(tmp_path, text)))


def test_settings_of_another_yaml_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="%YAML"):
        load_settings(write(tmp_path, "%YAML 1.1\n---\nlog_json: no\n"))
    assert not load_settings(write(tmp_path, "%YAML 1.2\n---\nlog_json: false\n")).log_json


def test_settings_read_the_token_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter2\n", encoding="utf-8")
    text = f"active_products: {{kind: http, url: 'https://lists.example/', token_file: '{tmp_path}/token'}}"
    settings = load_settings(write(tmp_path, text)).active_products
    assert isinstance(settings, HttpActiveSettings)
    assert settings.bearer() == "hunter2"
    (tmp_path / "token").unlink()
    with pytest.raises(SettingsError, match=r"active_products\.token_file"):
        settings.bearer()


def test_settings_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--config"):
        load_settings(tmp_path / "missing.yaml")


def test_settings_pattern_of_personal_data_is_a_regular_expression(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, r"personal_data: '\d{6}'"))
    assert settings.personal_data is not None
    assert settings.personal_data.search("id-123456")
    with pytest.raises(SettingsError, match="personal_data"):
        load_settings(write(tmp_path, "personal_data: '('"))


def test_settings_without_a_file_are_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(None).batch == 500

import os

import pytest

from consumers.local import LocalServicesError, own_environment, refuse_foreign


@pytest.mark.parametrize(
    "endpoint",
    [
        "127.0.0.1:9092",
        "localhost:9092,127.0.0.1:9093",
        "[::1]:9092",
        "http://127.0.0.1:8000",
        "postgresql+psycopg://postgres@/postgres?host=/run/somewhere/pg",
        "postgresql+psycopg://postgres:secret@127.0.0.1:5432/postgres",
    ],
)
def test_refuse_foreign_accepts_this_machine(endpoint: str) -> None:
    refuse_foreign(endpoint)


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "broker.example.com:9092",
        "127.0.0.1:9092,broker.example.com:9092",
        "https://dynamodb.eu-north-1.amazonaws.com",
        "http://127.0.0.1.example.com:8000",
        "http://127.0.0.1@example.com/",
        "postgresql+psycopg://127.0.0.1/postgres?host=db.example.com",
        "postgresql+psycopg://postgres@/postgres?host=/run/pg,db.example.com",
        "10.0.0.1:9092",
    ],
)
def test_refuse_foreign_refuses_anything_else(endpoint: str) -> None:
    with pytest.raises(LocalServicesError, match="refused to touch"):
        refuse_foreign(endpoint)


def test_refuse_foreign_keeps_credentials_out_of_its_message() -> None:
    with pytest.raises(LocalServicesError) as refused:
        refuse_foreign("postgresql+psycopg://lapse:s3cret@db.example.com/core")
    assert "s3cret" not in str(refused.value)


def test_own_environment_replaces_what_points_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = {"AWS_PROFILE": "prod", "AWS_ENDPOINT_URL_S3": "https://s3.example.com", "LAPSE__KAFKA__X": "prod"}
    for name, value in (foreign | {"AWS_ACCESS_KEY_ID": "real"}).items():
        monkeypatch.setenv(name, value)
    with own_environment():
        assert not foreign.keys() & os.environ.keys()
        assert os.environ["AWS_ACCESS_KEY_ID"] == "local"
        assert os.environ["AWS_REGION"] == "eu-north-1"


def test_own_environment_restores_what_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "prod")
    before = dict(os.environ)
    with own_environment():
        pass
    assert dict(os.environ) == before

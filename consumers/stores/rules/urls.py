"""URLs of databases, with the driver Lapse brings."""

from typing import Literal

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from consumers.stores.rules.problems import not_available, refusal

Backend = Literal["postgresql", "mariadb", "sqlite"]
_DRIVERS: dict[str, tuple[Backend, str]] = {
    "postgresql": ("postgresql", "postgresql+psycopg"),
    "postgres": ("postgresql", "postgresql+psycopg"),
    "mariadb": ("mariadb", "mariadb+pymysql"),
    "mysql": ("mariadb", "mariadb+pymysql"),
    "sqlite": ("sqlite", "sqlite+pysqlite"),
}
_FORMS = "postgresql://USER:PASSWORD@HOST/DATABASE, mariadb://USER:PASSWORD@HOST/DATABASE or sqlite:////PATH"


def database_url(written: object) -> str:
    """The URL with the driver Lapse brings, secret included. Raises a finding if it is none of a known database."""
    try:
        url = make_url(str(written))
    except (ArgumentError, ValueError):  # ValueError: a port that is no number; its text quotes it
        url = None
    if url is None:
        raise refusal("url", "not a database URL.", f"write {_FORMS}.")
    backend, driver = _DRIVERS.get(url.get_backend_name(), (None, ""))
    if backend is None:
        raise not_available("this kind of database", f"write {_FORMS}.")
    if backend != "postgresql" and not _names_database(url):
        raise refusal("url", "it names no database.", f"write {_FORMS}.")
    return url.set(drivername=driver).render_as_string(hide_password=False)


def backend_of(url: str) -> Backend:
    """The kind of database of a URL that `database_url` gave."""
    return _DRIVERS[make_url(url).get_backend_name()][0]


def _names_database(url: URL) -> bool:
    # in memory, or in a file of SQLite's own, nothing of a service could be
    return bool(url.database) and url.database != ":memory:"

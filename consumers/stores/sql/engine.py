"""PostgreSQL: the pool of one service: bounded waits, a name an administrator knows, no parameters in errors."""

from sqlalchemy import Engine, create_engine

from consumers.stores.sql.patience import bound

CONNECT_TIMEOUT_S = 10
LOCK_TIMEOUT_MS = 5_000  # below the statement timeout: an application's lock delays a batch, not the whole poll


def engine_to(url: str, timeout: int, name: str) -> Engine:
    """An engine for a SQLAlchemy URL; connects when first used. Dates are cut in UTC.

    `timeout` of a statement in milliseconds; `name` as the server shows it.
    """
    options = {
        "statement_timeout": timeout,
        "lock_timeout": min(LOCK_TIMEOUT_MS, timeout),
        "idle_in_transaction_session_timeout": 2 * timeout,
        "timezone": "UTC",
        # the default of 4 is for turning disks: it reads a whole table of 100,000 rows for a batch of 500
        "random_page_cost": "1.1",
        "default_transaction_isolation": "read\\ committed",
    }
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_size=2,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            # a peer that is gone is noticed: by what it does not acknowledge, and while idle by the keepalives
            "tcp_user_timeout": timeout,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            # planned anew each time: a plan made for an empty ledger would scan it when it has grown
            "prepare_threshold": None,
            "application_name": name,
            "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
        },
    )
    return bound(engine, timeout / 1000)

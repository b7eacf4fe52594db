"""`python -m consumers.local`: the services for a person at a terminal, until Ctrl-C."""

import signal
import sys

from consumers.local import LocalServicesError, running


def main() -> int:
    """Start everything, print where it is, and wait for Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with running(progress=_print) as services:
            _print(f"LAPSE__KAFKA__BOOTSTRAP_SERVERS={services.kafka.bootstrap_servers}")
            _print(f"AWS_ENDPOINT_URL_DYNAMODB={services.dynamodb.url}")
            _print(f"POSTGRES_URL={services.postgres.url}")
            _print(f"MARIADB_URL={services.mariadb.url}")
            _print(f"logs in {services.logs}; Ctrl-C ends everything")
            signal.pause()
    except KeyboardInterrupt:
        _print("ended")
    except LocalServicesError as error:
        _print(f"error: {error}")
        return 1
    return 0


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

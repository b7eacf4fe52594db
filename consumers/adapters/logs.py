"""Logs: structlog, an event name and keys. One line per batch, none per record."""

import logging
import sys

import structlog


def configure_logs(*, as_json: bool, level: int = logging.INFO) -> None:
    """Write logs to standard error, as JSON lines or for a person's eyes.

    `level` is that of our own lines. Of what client libraries say only errors pass, and with a `level` above ERROR
    nothing: a command says itself what was away.
    """
    render: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processor=render))
    logging.basicConfig(handlers=[handler], level=max(level, logging.ERROR), force=True)

"""Starts the real Kafka, DynamoDB endpoint and PostgreSQL on this machine, for the demo and the tests."""

from consumers.local.choice import chosen_backend
from consumers.local.running import running
from consumers.local.safety import own_environment, refuse_foreign
from consumers.local.service import Backend, Kind, LocalServicesError, Service, Services

__all__ = [
    "Backend",
    "Kind",
    "LocalServicesError",
    "Service",
    "Services",
    "chosen_backend",
    "own_environment",
    "refuse_foreign",
    "running",
]

"""The purpose a service serves, as the policy in force has it."""

from consumers.domain.errors import PermanentError
from consumers.domain.policy import Purpose
from consumers.runtime.control import Control


class NoPurposeError(PermanentError):
    """The policy in force has no such service under this purpose: see `lapse policy show`, `lapse policy apply`."""


def purpose_in_force(control: Control, purpose: str, service: str) -> Purpose:
    """The purpose by name. NoPurposeError: there is none, or the service is not one of its services."""
    found = control.policy.purposes.get(purpose)
    if found is None or service not in found.services:
        raise NoPurposeError
    return found

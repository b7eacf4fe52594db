"""A package as a third party writes it: a store of letters, one JSON file a customer, for Lapse."""

from tests.support.acme.letters import Letters, LettersRules

__all__ = ["Letters", "LettersRules"]

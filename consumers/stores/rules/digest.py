"""The digest that ledger rows and results name: which rules were in force."""

import hashlib
import json

from sqlalchemy.engine import make_url

from consumers.stores.rules.custom import AnyRules
from consumers.stores.rules.model import Rules


def rules_digest(rules: AnyRules) -> str:
    """Hex SHA-256 over canonical JSON of the parsed rules; password and options of the URL are left out.

    Comments, order of keys and spelling of lengths of time do not change it.
    """
    fields = rules.model_dump(mode="json", by_alias=True)
    if isinstance(rules, Rules):
        url = make_url(rules.store.url.get_secret_value())
        fields["store"]["url"] = url.set(password=None, query={}).render_as_string()
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()

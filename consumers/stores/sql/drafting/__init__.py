"""Drafts a rules file from a live schema."""

from consumers.stores.sql.drafting.draft import Asked, draft, variable

__all__ = ["Asked", "draft", "variable"]

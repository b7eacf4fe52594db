"""The anonymizer of one service: passes the commit point, changes its database, reports."""

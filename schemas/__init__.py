"""The records and topics of Lapse: what is on the wire, and nothing about what it means.

`avro/` holds the schemas and `topics/` the topics, as data. `codec` turns records into bytes and back, `validate` is
the fast check of an event, `records` are the models for people and command lines, `topics` says what a topic must be.
"""

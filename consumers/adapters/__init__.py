"""The world outside as the ports describe it: Kafka, DynamoDB, clock, metrics, and a fake of each in `memory`."""

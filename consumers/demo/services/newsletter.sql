CREATE TABLE subscribers (
    subscriber_id bigint PRIMARY KEY,
    customer_id text NOT NULL UNIQUE,
    email varchar(120) NOT NULL UNIQUE,
    language char(2) NOT NULL,
    anonymized boolean NOT NULL DEFAULT false
);
CREATE TABLE subscriptions (
    subscription_id bigint PRIMARY KEY,
    subscriber_id bigint NOT NULL REFERENCES subscribers,
    greeting text NOT NULL
);
CREATE INDEX ON subscriptions (subscriber_id);
CREATE TABLE deliveries (
    delivery_id bigint PRIMARY KEY,
    subscription_id bigint NOT NULL REFERENCES subscriptions,
    opened_from text
);
CREATE INDEX ON deliveries (subscription_id);

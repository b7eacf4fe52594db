CREATE TABLE customers (
    customer_id text PRIMARY KEY,
    name text NOT NULL,
    email varchar(120) NOT NULL UNIQUE,
    phone text,
    birth_date date NOT NULL,
    segment text NOT NULL,
    anonymized boolean NOT NULL DEFAULT false
);
CREATE TABLE notes (
    note_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id text NOT NULL REFERENCES customers,
    body text NOT NULL
);
CREATE INDEX ON notes (customer_id);

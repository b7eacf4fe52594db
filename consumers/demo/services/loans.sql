CREATE TABLE borrowers (
    borrower_no bigint PRIMARY KEY,
    lapse_id text NOT NULL UNIQUE,
    personal_number varchar(13) NOT NULL,
    name text NOT NULL,
    street text,
    anonymization_token uuid,
    anonymized boolean NOT NULL DEFAULT false,
    UNIQUE NULLS NOT DISTINCT (personal_number, anonymization_token)
);
CREATE TABLE loans (
    loan_no bigint PRIMARY KEY,
    borrower_no bigint NOT NULL REFERENCES borrowers,
    amount numeric(12, 2) NOT NULL,
    purpose_text text
);
CREATE INDEX ON loans (borrower_no);

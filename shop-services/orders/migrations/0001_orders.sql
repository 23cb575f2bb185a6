-- Orders and the log of their steps. The step at work is written down before anybody is asked for it.
CREATE TABLE orders (
    id               uuid PRIMARY KEY,
    customer_id      uuid NOT NULL,
    quote            jsonb NOT NULL,
    quote_token      text NOT NULL,
    method           text NOT NULL CHECK (method <> ''),
    total            bigint NOT NULL CHECK (total >= 0),
    currency         text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    state            text NOT NULL,
    reason           text,
    step             text,
    attempts         integer NOT NULL DEFAULT 0,
    finding          text,
    fence            bigint NOT NULL DEFAULT 0,
    leased           boolean NOT NULL DEFAULT false,
    due_at           timestamptz,
    cancel_requested boolean NOT NULL DEFAULT false,
    reservation_id   uuid,
    payment_id       uuid,
    shipped_at       timestamptz,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT orders_total_is_quoted CHECK (total = (quote->'total'->>'amount')::bigint
        AND currency = quote->'total'->>'currency'),
    CONSTRAINT orders_at_rest_or_due CHECK ((step IS NULL) = (due_at IS NULL) AND (step IS NOT NULL OR NOT leased)),
    CONSTRAINT orders_rest_at_an_end CHECK (
        (step IS NULL) = (state IN ('confirmed', 'shipped', 'cancelled', 'refunded')))
);
CREATE INDEX orders_due ON orders (due_at) WHERE step IS NOT NULL;
CREATE INDEX orders_of_customer ON orders (customer_id, id);
CREATE INDEX orders_in_review ON orders (id) WHERE state = 'needs_review';

-- Append-only: each step as it was begun, and as it ended.
CREATE TABLE saga_log (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders (id),
    step     text NOT NULL,
    outcome  text NOT NULL,
    fence    bigint NOT NULL,
    detail   text,
    at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX saga_log_order ON saga_log (order_id, position);

-- Payments, what the provider was asked, its notices, and the books. The provider's token of a card is kept, never the card.
CREATE TABLE payments (
    id         uuid PRIMARY KEY,
    order_id   uuid NOT NULL CONSTRAINT payments_one_per_order UNIQUE,
    currency   text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount     bigint NOT NULL CHECK (amount > 0),
    method     text NOT NULL,
    state      text NOT NULL,
    captured   bigint NOT NULL DEFAULT 0,
    refunded   bigint NOT NULL DEFAULT 0,
    reason     text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT payments_no_more_back_than_taken
        CHECK (0 <= refunded AND refunded <= captured AND captured <= amount)
);

-- Written before the provider is asked; its id is the key that the provider knows.
CREATE TABLE operations (
    id              uuid PRIMARY KEY,
    payment_id      uuid NOT NULL REFERENCES payments (id),
    kind            text NOT NULL CHECK (kind IN ('authorize', 'capture', 'void', 'refund')),
    amount          bigint NOT NULL CHECK (amount > 0),
    state           text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'review', 'succeeded', 'declined')),
    attempts        integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    reason          text,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX operations_due ON operations (next_attempt_at) WHERE state = 'pending';
CREATE UNIQUE INDEX operations_one_at_a_time ON operations (payment_id) WHERE state IN ('pending', 'review');
CREATE UNIQUE INDEX operations_one_capture ON operations (payment_id) WHERE kind = 'capture' AND state <> 'declined';

CREATE TABLE notices (
    id          text PRIMARY KEY CHECK (id <> ''),
    received_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE ledger_entries (
    operation_id uuid NOT NULL REFERENCES operations (id),
    account      text NOT NULL CHECK (account IN ('provider', 'sales', 'refunds')),
    currency     text NOT NULL,
    amount       bigint NOT NULL CHECK (amount <> 0),
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (operation_id, account)
);

-- No transaction can end with books that do not balance.
CREATE FUNCTION ledger_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM ledger_entries WHERE operation_id = NEW.operation_id GROUP BY currency HAVING sum(amount) <> 0) THEN
        RAISE EXCEPTION 'the entries of operation % do not sum to zero', NEW.operation_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_balances AFTER INSERT ON ledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_balances();

-- What was written stays.
CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: write a new entry' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();

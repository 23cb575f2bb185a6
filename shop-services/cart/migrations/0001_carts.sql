-- Carts: of a customer, or of whoever has a guest's token, of which only the digest is kept.
CREATE TABLE carts (
    id               uuid PRIMARY KEY,
    customer_id      uuid CONSTRAINT carts_one_per_customer UNIQUE,
    guest_digest     bytea CONSTRAINT carts_one_per_guest UNIQUE CHECK (length(guest_digest) = 32),
    -- Begins at the time of its creation, so that no version ever comes again for the same owner.
    version          bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
    abandoned_at     timestamptz,
    changed_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT carts_one_owner CHECK (num_nonnulls(customer_id, guest_digest) = 1)
);
CREATE INDEX carts_idle ON carts (changed_at) WHERE abandoned_at IS NULL;
CREATE INDEX carts_age ON carts (changed_at);

CREATE TABLE cart_lines (
    cart_id  uuid NOT NULL REFERENCES carts (id) ON DELETE CASCADE,
    sku      text NOT NULL CHECK (sku <> ''),
    quantity integer NOT NULL CHECK (quantity BETWEEN 1 AND 1000),
    position bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (cart_id, sku)
);
CREATE INDEX cart_lines_sku ON cart_lines (sku);

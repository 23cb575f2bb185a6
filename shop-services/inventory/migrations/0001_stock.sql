-- Stock, reservations and the ledger. No statement can oversell: the constraint stands even where the code is wrong.
CREATE TABLE stock (
    sku      text PRIMARY KEY CHECK (sku <> ''),
    on_hand  bigint NOT NULL DEFAULT 0,
    reserved bigint NOT NULL DEFAULT 0,
    CONSTRAINT stock_never_oversold CHECK (0 <= reserved AND reserved <= on_hand)
);

CREATE TABLE reservations (
    id         uuid PRIMARY KEY,
    order_id   uuid NOT NULL CONSTRAINT reservations_one_per_order UNIQUE,
    state      text NOT NULL CHECK (state IN ('held', 'committed', 'released', 'expired')),
    fence      bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    settled_at timestamptz,
    CHECK ((state = 'held') = (settled_at IS NULL))
);
CREATE INDEX reservations_due ON reservations (expires_at) WHERE state = 'held';

CREATE TABLE reservation_lines (
    reservation_id uuid NOT NULL REFERENCES reservations (id),
    sku            text NOT NULL CONSTRAINT reservation_lines_stock REFERENCES stock (sku),
    quantity       bigint NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (reservation_id, sku)
);

-- Append-only: per SKU the changes sum up to what the stock table says.
CREATE TABLE stock_ledger (
    position        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku             text NOT NULL REFERENCES stock (sku),
    kind            text NOT NULL CHECK (kind IN ('adjusted', 'reserved', 'committed', 'released', 'expired', 'restocked')),
    on_hand_change  bigint NOT NULL,
    reserved_change bigint NOT NULL,
    reservation_id  uuid REFERENCES reservations (id),
    reason          text,
    at              timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX stock_ledger_sku ON stock_ledger (sku, position);
CREATE UNIQUE INDEX stock_ledger_once ON stock_ledger (reservation_id, sku, kind) WHERE reservation_id IS NOT NULL;

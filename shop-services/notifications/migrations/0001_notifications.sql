-- Messages about orders, and every attempt to deliver them.
CREATE TABLE notifications (
    id          uuid PRIMARY KEY,
    event_id    uuid NOT NULL CONSTRAINT notifications_one_per_event UNIQUE,
    order_id    uuid NOT NULL,
    -- Unknown while orders has not told whose the order is, and after the account was erased.
    customer_id uuid,
    kind        text NOT NULL CHECK (kind <> ''),
    subject     text NOT NULL,
    body        text NOT NULL,
    state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'logged', 'dead')),
    attempts    integer NOT NULL DEFAULT 0,
    fence       bigint NOT NULL DEFAULT 0,
    due_at      timestamptz DEFAULT clock_timestamp(),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT notifications_due_while_pending CHECK ((state = 'pending') = (due_at IS NOT NULL))
);
CREATE INDEX notifications_due ON notifications (due_at) WHERE state = 'pending';
CREATE INDEX notifications_of_order ON notifications (order_id, created_at);
CREATE INDEX notifications_of_customer ON notifications (customer_id);
CREATE INDEX notifications_dead ON notifications (id) WHERE state = 'dead';
CREATE INDEX notifications_age ON notifications (created_at);

-- Append-only. A number that is missing was begun by a process that ended before the answer came.
CREATE TABLE attempts (
    notification_id uuid NOT NULL REFERENCES notifications (id) ON DELETE CASCADE,
    number          integer NOT NULL CHECK (number > 0),
    outcome         text NOT NULL CHECK (outcome IN ('delivered', 'logged', 'unknown', 'refused')),
    detail          text,
    at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (notification_id, number)
);

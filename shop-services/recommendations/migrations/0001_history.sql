-- What was collected and bought, by whom (a customer's id and nothing else of them), and the models trained from it.
CREATE TABLE products (
    product_id uuid PRIMARY KEY,
    retired    boolean NOT NULL DEFAULT false
);
CREATE TABLE skus (
    sku        text PRIMARY KEY CHECK (sku <> ''),
    product_id uuid NOT NULL REFERENCES products (product_id)
);

-- An order as it was confirmed, or a cart as it was told of last.
CREATE TABLE baskets (
    id          uuid PRIMARY KEY,
    bought      boolean NOT NULL,
    customer_id uuid,
    at          timestamptz NOT NULL
);
CREATE INDEX baskets_of_customer ON baskets (customer_id, at);
CREATE INDEX baskets_age ON baskets (at);
CREATE TABLE basket_items (
    basket_id uuid NOT NULL REFERENCES baskets (id) ON DELETE CASCADE,
    -- By SKU: the catalog may tell later which product it is of.
    sku       text NOT NULL CHECK (sku <> ''),
    PRIMARY KEY (basket_id, sku)
);

-- Erased accounts: nothing of them comes in any more, in whichever order events arrive.
CREATE TABLE forgotten (
    customer_id  uuid PRIMARY KEY,
    forgotten_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE models (
    version          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    trained_at       timestamptz NOT NULL,
    -- How many accounts were erased when its history was read: with more, it may know too much.
    forgotten        bigint NOT NULL,
    baskets          bigint NOT NULL,
    -- Hit rates at 10 on orders held out of an earlier training of the same history; absent where there were none.
    held_out         bigint NOT NULL,
    hit_rate         double precision,
    popular_hit_rate double precision
);
CREATE TABLE neighbours (
    version      bigint NOT NULL REFERENCES models (version) ON DELETE CASCADE,
    product_id   uuid NOT NULL,
    neighbour_id uuid NOT NULL,
    score        real NOT NULL CHECK (score > 0),
    PRIMARY KEY (version, product_id, neighbour_id)
);
CREATE TABLE popular (
    version    bigint NOT NULL REFERENCES models (version) ON DELETE CASCADE,
    product_id uuid NOT NULL,
    score      real NOT NULL CHECK (score > 0),
    PRIMARY KEY (version, product_id)
);
CREATE INDEX popular_best ON popular (version, score DESC, product_id);

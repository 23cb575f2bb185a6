-- Price lists, delivery and tax (append-only, the latest valid row counts), promotions, coupons and their redemptions.
CREATE TABLE prices (
    sku        text NOT NULL CHECK (sku <> ''),
    currency   text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    valid_from timestamptz NOT NULL,
    amount     bigint NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (sku, currency, valid_from)
);

CREATE TABLE rates (
    country     text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    currency    text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    valid_from  timestamptz NOT NULL,
    shipping    bigint NOT NULL CHECK (shipping >= 0),
    free_from   bigint CHECK (free_from >= 0),
    tax_per_10k integer NOT NULL CHECK (tax_per_10k BETWEEN 0 AND 10000),
    PRIMARY KEY (country, currency, valid_from)
);

CREATE TABLE promotions (
    id           uuid PRIMARY KEY,
    name         text NOT NULL CHECK (name <> ''),
    off_per_10k  integer NOT NULL CHECK (off_per_10k BETWEEN 1 AND 10000),
    skus         text[] NOT NULL,
    starts_at    timestamptz NOT NULL,
    ends_at      timestamptz NOT NULL CHECK (ends_at > starts_at),
    version      bigint NOT NULL DEFAULT 1,
    withdrawn_at timestamptz
);
CREATE INDEX promotions_end ON promotions (ends_at) WHERE withdrawn_at IS NULL;

CREATE TABLE coupons (
    code            text PRIMARY KEY CHECK (code <> ''),
    off_per_10k     integer CHECK (off_per_10k BETWEEN 1 AND 10000),
    off_amount      bigint CHECK (off_amount > 0),
    off_currency    text CHECK (off_currency ~ '^[A-Z]{3}$'),
    max_redemptions bigint NOT NULL CHECK (max_redemptions > 0),
    redeemed        bigint NOT NULL DEFAULT 0,
    starts_at       timestamptz NOT NULL,
    ends_at         timestamptz NOT NULL CHECK (ends_at > starts_at),
    version         bigint NOT NULL DEFAULT 1,
    withdrawn_at    timestamptz,
    CONSTRAINT coupons_never_redeemed_too_often CHECK (redeemed BETWEEN 0 AND max_redemptions),
    CONSTRAINT coupons_one_value CHECK (
        (off_per_10k IS NOT NULL AND off_amount IS NULL AND off_currency IS NULL)
        OR (off_per_10k IS NULL AND off_amount IS NOT NULL AND off_currency IS NOT NULL)
    )
);

-- One row per order. An order that was cancelled before it redeemed anything has a row without a code, so that a
-- late request cannot redeem for it any more.
CREATE TABLE redemptions (
    order_id uuid PRIMARY KEY,
    code     text REFERENCES coupons (code),
    state    text NOT NULL CHECK (state IN ('redeemed', 'final', 'undone')),
    at       timestamptz NOT NULL,
    CHECK (code IS NOT NULL OR state = 'undone')
);

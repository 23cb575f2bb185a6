-- Products, variants and categories of the catalog.
CREATE TABLE categories (
    id        uuid PRIMARY KEY,
    slug      text NOT NULL UNIQUE,
    name      text NOT NULL,
    parent_id uuid REFERENCES categories (id)
);
CREATE INDEX categories_parent ON categories (parent_id);

CREATE TABLE products (
    id          uuid PRIMARY KEY,
    title       text NOT NULL CHECK (title <> ''),
    description text NOT NULL,
    brand       text NOT NULL,
    category_id uuid NOT NULL CONSTRAINT products_category REFERENCES categories (id),
    attributes  jsonb NOT NULL DEFAULT '{}',
    version     bigint NOT NULL DEFAULT 1 CHECK (version > 0),
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    retired_at  timestamptz,
    search      tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('english', title), 'A')
        || setweight(to_tsvector('english', brand), 'B')
        || setweight(to_tsvector('english', description), 'C')
    ) STORED
);
CREATE INDEX products_newest ON products (id DESC) WHERE retired_at IS NULL;
CREATE INDEX products_by_category ON products (category_id, id DESC) WHERE retired_at IS NULL;
CREATE INDEX products_search ON products USING gin (search) WHERE retired_at IS NULL;

CREATE TABLE variants (
    sku        text PRIMARY KEY CHECK (sku <> ''),
    product_id uuid NOT NULL REFERENCES products (id),
    position   smallint NOT NULL,
    title      text NOT NULL,
    attributes jsonb NOT NULL DEFAULT '{}',
    UNIQUE (product_id, position)
);

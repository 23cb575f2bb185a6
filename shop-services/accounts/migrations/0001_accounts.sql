-- Accounts. What is personal is sealed by the account's own key; what must be found is a keyed digest.
CREATE TABLE accounts (
    id          uuid PRIMARY KEY,
    email_index bytea NOT NULL CONSTRAINT accounts_one_per_email UNIQUE CHECK (length(email_index) = 32),
    email       bytea NOT NULL,
    name        bytea NOT NULL,
    -- An Argon2id hash, sealed like the rest.
    password    bytea NOT NULL,
    version     bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL
);

-- Keys, each sealed by a master key: of accounts, of the blind index, of tokens. Without its row here nothing of an
-- account can be read any more, in no copy of the other tables: this table is backed up apart, and for a short time.
CREATE TABLE wrapped_keys (
    place          text PRIMARY KEY CHECK (place <> ''),
    wrapped        bytea NOT NULL,
    master_version integer NOT NULL CHECK (master_version > 0)
);
CREATE INDEX wrapped_keys_master ON wrapped_keys (master_version);

CREATE TABLE addresses (
    id         uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    postal     bytea NOT NULL,
    version    bigint NOT NULL DEFAULT 1,
    position   bigint GENERATED ALWAYS AS IDENTITY
);
CREATE INDEX addresses_account ON addresses (account_id, position);

-- A login and all refresh tokens that came of it, of which only digests are kept.
CREATE TABLE sessions (
    id         uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX sessions_account ON sessions (account_id);
CREATE INDEX sessions_age ON sessions (expires_at);

CREATE TABLE refresh_tokens (
    digest     bytea PRIMARY KEY CHECK (length(digest) = 32),
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
-- Of a session only one token is good, whatever replicas do at the same time.
CREATE UNIQUE INDEX refresh_tokens_one_unused ON refresh_tokens (session_id) WHERE used_at IS NULL;

-- Keys that sign tokens: the latest whose time has come signs, the others wait or are only believed.
CREATE TABLE signing_keys (
    kid        text PRIMARY KEY,
    signs_from timestamptz NOT NULL CONSTRAINT signing_keys_one_at_a_time UNIQUE
);

-- Wrong credentials, by keyed digests of accounts and networks, in periods of one window each.
CREATE TABLE attempts (
    subject bytea NOT NULL CHECK (length(subject) = 32),
    period  bigint NOT NULL,
    count   bigint NOT NULL CHECK (count >= 0),
    PRIMARY KEY (subject, period)
);
CREATE INDEX attempts_age ON attempts (period);

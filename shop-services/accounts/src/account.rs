//! Accounts as the database holds them: opened, found, read, changed, erased.

use jiff::Timestamp;
use shop_contracts::ErrorCode;
use shop_contracts::accounts::Account;
use shop_contracts::event::{ACCOUNT_CREATED, ACCOUNT_ERASED, AccountChanged};
use shop_kit::event::Event;
use shop_kit::instant::{from_micros, seconds};
use shop_kit::precondition::{EntityTag, stale};
use shop_kit::{Database, DatabaseError, Identity, Problem};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::known;
use crate::vault::{AccountKey, Vault, account_place};

const INSERT: &str = "\
INSERT INTO accounts (id, email_index, email, name, password, created_at) VALUES ($1, $2, $3, $4, $5, to_timestamp($6))";

const FIND: &str = "SELECT id FROM accounts WHERE email_index = $1";

const SELECT: &str = "\
SELECT email, name, password, version, (extract(epoch FROM created_at) * 1000000)::bigint FROM accounts WHERE id = $1";

/// Locked, so that it stays so until the end of the transaction.
const LOCK: &str = "SELECT version FROM accounts WHERE id = $1 FOR NO KEY UPDATE";

const UPDATE: &str = "\
UPDATE accounts SET email_index = $3, email = $4, name = $5, password = $6, version = version + 1
WHERE id = $1 AND version = $2";

const UPDATE_HASH: &str = "UPDATE accounts SET password = $2 WHERE id = $1";

/// Addresses, sessions and tokens go with it.
const DELETE: &str = "DELETE FROM accounts WHERE id = $1 AND version = $2";

/// What the blind index of an e-mail address is for.
const EMAIL_INDEX: &str = "accounts.email";

const ONE_PER_EMAIL: &str = "accounts_one_per_email";

/// An account as it is now, open, with the hash of its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Held {
    /// What is told of it.
    pub account: Account,
    /// Hash of its password.
    pub password: String,
    /// Changes with everything above.
    pub version: i64,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("id", &self.account.id).field("version", &self.version).finish_non_exhaustive()
    }
}

impl Held {
    /// Its entity tag.
    pub fn tag(&self) -> EntityTag {
        EntityTag::of_version(self.version.unsigned_abs())
    }
}

/// The accounts, each change within a transaction of the caller.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// Where.
    pub db: Database,
    /// What seals them.
    pub vault: Vault,
    /// Ids and times.
    pub identity: Identity,
}

impl Accounts {
    /// Opens an account for an address that has none, and tells of it.
    ///
    /// # Errors
    /// `email-taken`, or where the database fails; then the transaction must not be committed.
    pub async fn open(&self, tx: &mut PgConnection, email: &str, name: &str, password: &str) -> Result<Uuid, Problem> {
        let now = self.identity.now();
        let id = self.identity.mint(now);
        let key = self.vault.for_new_account(&mut *tx, id).await?;
        let insert = sqlx::query(INSERT)
            .bind(id)
            .bind(self.vault.blind(EMAIL_INDEX, email))
            .bind(key.seal("accounts.email", id, email)?)
            .bind(key.seal("accounts.name", id, name)?)
            .bind(key.seal("accounts.password", id, password)?)
            .bind(seconds(now));
        let inserted = self.db.measure("insert_account", insert.execute(&mut *tx)).await;
        inserted.map_err(taken)?;
        self.tell(tx, ACCOUNT_CREATED, id).await?;
        Ok(id)
    }

    /// The account of an address.
    ///
    /// # Errors
    /// Where the database fails or what is sealed cannot be opened.
    pub async fn find(&self, email: &str) -> Result<Option<Held>, Problem> {
        let mut connection = self.db.connection().await?;
        let find = sqlx::query_scalar::<_, Uuid>(FIND).bind(self.vault.blind(EMAIL_INDEX, email));
        let found = self.db.measure("find_account", find.fetch_optional(&mut *connection)).await?;
        let Some(id) = found else { return Ok(None) };
        Ok(self.read(&mut connection, id).await?.map(|(held, _)| held))
    }

    /// An account, with the key to what belongs to it; `None` where there is none, or it is being erased.
    ///
    /// # Errors
    /// Where the database fails or what is sealed cannot be opened.
    pub async fn read(&self, connection: &mut PgConnection, id: Uuid) -> Result<Option<(Held, AccountKey)>, Problem> {
        type Row = (Vec<u8>, Vec<u8>, Vec<u8>, i64, i64);
        let select = sqlx::query_as::<_, Row>(SELECT).bind(id);
        let row = self.db.measure("select_account", select.fetch_optional(&mut *connection)).await?;
        let key = self.vault.of_account(connection, id).await?;
        let (Some((email, name, password, version, created)), Some(key)) = (row, key) else { return Ok(None) };
        let account = Account {
            id,
            email: key.open("accounts.email", id, &email)?,
            name: key.open("accounts.name", id, &name)?,
            created_at: created_at(created)?,
        };
        Ok(Some((Held { account, password: key.open("accounts.password", id, &password)?, version }, key)))
    }

    /// The version that an account has until the end of the transaction, where there is one.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn lock(&self, tx: &mut PgConnection, id: Uuid) -> Result<Option<i64>, DatabaseError> {
        let lock = sqlx::query_scalar::<_, i64>(LOCK).bind(id);
        self.db.measure("lock_account", lock.fetch_optional(tx)).await
    }

    /// Writes an account as it shall be from now on, where nobody else has changed it since it was read.
    ///
    /// # Errors
    /// 412, `email-taken`, or where the database fails; then the transaction must not be committed.
    pub async fn change(&self, tx: &mut PgConnection, key: &AccountKey, held: Held) -> Result<Held, Problem> {
        let Held { account, password, version } = &held;
        let update = sqlx::query(UPDATE)
            .bind(account.id)
            .bind(version)
            .bind(self.vault.blind(EMAIL_INDEX, &account.email))
            .bind(key.seal("accounts.email", account.id, &account.email)?)
            .bind(key.seal("accounts.name", account.id, &account.name)?)
            .bind(key.seal("accounts.password", account.id, password)?);
        let updated = self.db.measure("update_account", update.execute(tx)).await.map_err(taken)?;
        if updated.rows_affected() == 0 {
            return Err(stale());
        }
        Ok(Held { version: version + 1, ..held })
    }

    /// Keeps the same password in another hash; for the client nothing changes.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn rehash(&self, tx: &mut PgConnection, id: Uuid, password: &str) -> Result<(), Problem> {
        let Some(key) = self.vault.of_account(&mut *tx, id).await? else { return Ok(()) };
        let update = sqlx::query(UPDATE_HASH).bind(id).bind(key.seal("accounts.password", id, password)?);
        Ok(self.db.measure("update_hash", update.execute(tx)).await.map(drop)?)
    }

    /// Erases an account and everything about its person, where nobody has changed it since it was read, and tells of
    /// it. Its key goes, so that what copies of the database still hold is unreadable, too.
    ///
    /// # Errors
    /// 412, or where the database fails; then the transaction must not be committed.
    pub async fn erase(&self, tx: &mut PgConnection, held: &Held) -> Result<(), Problem> {
        let id = held.account.id;
        let delete = sqlx::query(DELETE).bind(id).bind(held.version);
        if self.db.measure("delete_account", delete.execute(&mut *tx)).await?.rows_affected() == 0 {
            return Err(stale());
        }
        self.vault.forget(&mut *tx, &account_place(id)).await?;
        self.tell(tx, ACCOUNT_ERASED, id).await
    }

    async fn tell(&self, tx: &mut PgConnection, kind: &str, account_id: Uuid) -> Result<(), Problem> {
        let now = self.identity.now();
        let event = Event::new(self.identity.mint(now), kind, now, &AccountChanged { account_id });
        Ok(event.map_err(|_| Problem::internal())?.record(&self.db, tx).await?)
    }
}

fn taken(error: DatabaseError) -> Problem {
    if error.violates(ONE_PER_EMAIL) {
        return known(ErrorCode::EmailTaken, "log in, or take another address");
    }
    error.into()
}

fn created_at(micros: i64) -> Result<Timestamp, DatabaseError> {
    from_micros(micros).map_err(|source| DatabaseError::Operation { operation: "select_account", source })
}

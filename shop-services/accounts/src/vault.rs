//! The vault: keys in the database, sealed by master keys, and the sealed values and blind indexes under them.

use shop_kit::seal::{BlindIndex, KEY_LEN, MasterKeys, SealingKey};
use shop_kit::{Database, DatabaseError, Identity};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::VaultError;

/// Where the key of the blind indexes is kept.
const INDEX_KEY: &str = "index";
/// Keys that one round wraps anew at most, so that no lock is held for long.
const BATCH: i64 = 200;

const INSERT_KEY: &str = "\
INSERT INTO wrapped_keys (place, wrapped, master_version) VALUES ($1, $2, $3) ON CONFLICT (place) DO NOTHING";

const SELECT_KEY: &str = "SELECT wrapped, master_version FROM wrapped_keys WHERE place = $1";

const DELETE_KEY: &str = "DELETE FROM wrapped_keys WHERE place = $1";

const SELECT_MASTERS: &str = "SELECT DISTINCT master_version FROM wrapped_keys ORDER BY master_version";

/// Each replica takes what no other is at.
const LOCK_OLD: &str = "\
SELECT place, wrapped, master_version FROM wrapped_keys WHERE master_version <> $1
ORDER BY place LIMIT $2 FOR UPDATE SKIP LOCKED";

const REWRAP: &str = "UPDATE wrapped_keys SET wrapped = $2, master_version = $3 WHERE place = $1";

/// Keys and what they seal; clones share them.
#[derive(Debug, Clone)]
pub struct Vault {
    db: Database,
    masters: MasterKeys,
    identity: Identity,
    index: BlindIndex,
}

/// The key of one account, and where its values are.
#[derive(Debug, Clone)]
pub struct AccountKey {
    key: SealingKey,
    identity: Identity,
}

impl Vault {
    /// Opens the vault, and makes the key of the blind indexes where there is none yet.
    ///
    /// # Errors
    /// Where the database fails, or holds keys of a master key that is not configured.
    pub async fn open(db: &Database, masters: MasterKeys, identity: Identity) -> Result<Self, VaultError> {
        // Replaced in a moment by the one that every replica has.
        let index = BlindIndex::new(&identity.random());
        let mut vault = Self { db: db.clone(), masters, identity, index };
        vault.knows_its_masters().await?;
        let mut connection = db.connection().await?;
        let key = vault.make(&mut connection, INDEX_KEY).await?;
        vault.index = BlindIndex::new(&key);
        Ok(vault)
    }

    /// The key at `place`, made where there is none.
    ///
    /// # Errors
    /// Where the database fails or the key cannot be opened.
    pub async fn make(&self, connection: &mut PgConnection, place: &str) -> Result<[u8; KEY_LEN], VaultError> {
        let key: [u8; KEY_LEN] = self.identity.random();
        if self.put(&mut *connection, place, &key).await? {
            return Ok(key);
        }
        self.key(connection, place).await?.ok_or_else(|| VaultError::Odd { place: place.to_owned() })
    }

    /// Keeps a key at `place`; false where there is one already, which stays.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn put(
        &self,
        connection: &mut PgConnection,
        place: &str,
        key: &[u8; KEY_LEN],
    ) -> Result<bool, VaultError> {
        let wrapped = self.masters.wrap(&self.identity, place, key).map_err(|source| sealed(place, source))?;
        let insert = sqlx::query(INSERT_KEY).bind(place).bind(wrapped).bind(self.masters.current());
        Ok(self.db.measure("insert_wrapped_key", insert.execute(connection)).await?.rows_affected() == 1)
    }

    /// The key at `place`, where there is one.
    ///
    /// # Errors
    /// Where the database fails or the key cannot be opened.
    pub async fn key(&self, connection: &mut PgConnection, place: &str) -> Result<Option<[u8; KEY_LEN]>, VaultError> {
        let select = sqlx::query_as::<_, (Vec<u8>, i32)>(SELECT_KEY).bind(place);
        let found = self.db.measure("select_wrapped_key", select.fetch_optional(connection)).await?;
        let Some((wrapped, version)) = found else { return Ok(None) };
        self.masters.unwrap(version, place, &wrapped).map(Some).map_err(|source| sealed(place, source))
    }

    /// Deletes the key at `place`: what it sealed can never be read again.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn forget(&self, connection: &mut PgConnection, place: &str) -> Result<(), DatabaseError> {
        let delete = sqlx::query(DELETE_KEY).bind(place);
        self.db.measure("delete_wrapped_key", delete.execute(connection)).await.map(drop)
    }

    /// The key of an account, where it has one.
    ///
    /// # Errors
    /// Where the database fails or the key cannot be opened.
    pub async fn of_account(&self, connection: &mut PgConnection, id: Uuid) -> Result<Option<AccountKey>, VaultError> {
        self.key(connection, &account_place(id)).await?.map(|key| self.account_key(id, &key)).transpose()
    }

    /// A new key for a new account.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn for_new_account(&self, connection: &mut PgConnection, id: Uuid) -> Result<AccountKey, VaultError> {
        let key = self.make(connection, &account_place(id)).await?;
        self.account_key(id, &key)
    }

    /// What stands for `value` where it must be found and not shown, another for each `purpose`.
    pub fn blind(&self, purpose: &str, value: &str) -> Vec<u8> {
        self.index.of(purpose, value)
    }

    /// Wraps some keys that an older master key sealed with the current one; returns how many.
    ///
    /// # Errors
    /// Where the database fails or a key cannot be opened.
    pub async fn rewrap(&self) -> Result<usize, VaultError> {
        let mut tx = self.db.begin().await?;
        let lock = sqlx::query_as::<_, (String, Vec<u8>, i32)>(LOCK_OLD).bind(self.masters.current()).bind(BATCH);
        let old = self.db.measure("lock_old_keys", lock.fetch_all(&mut *tx)).await?;
        for (place, wrapped, version) in &old {
            let key = self.masters.unwrap(*version, place, wrapped).map_err(|source| sealed(place, source))?;
            let again = self.masters.wrap(&self.identity, place, &key).map_err(|source| sealed(place, source))?;
            let update = sqlx::query(REWRAP).bind(place).bind(again).bind(self.masters.current());
            self.db.measure("rewrap_key", update.execute(&mut *tx)).await?;
        }
        self.db.measure("commit", tx.commit()).await?;
        Ok(old.len())
    }

    async fn knows_its_masters(&self) -> Result<(), VaultError> {
        let mut connection = self.db.connection().await?;
        let select = sqlx::query_scalar::<_, i32>(SELECT_MASTERS);
        for version in self.db.measure("select_masters", select.fetch_all(&mut *connection)).await? {
            let known = self.masters.knows(version);
            known.map_err(|source| sealed(&format!("what master key {version} sealed"), source))?;
        }
        Ok(())
    }

    fn account_key(&self, id: Uuid, key: &[u8; KEY_LEN]) -> Result<AccountKey, VaultError> {
        let key = SealingKey::new(key).map_err(|source| sealed(&account_place(id), source))?;
        Ok(AccountKey { key, identity: self.identity.clone() })
    }
}

impl AccountKey {
    /// Seals a text for one column of one row.
    ///
    /// # Errors
    /// None that can happen with texts of a request's length.
    pub fn seal(&self, column: &str, row: Uuid, text: &str) -> Result<Vec<u8>, VaultError> {
        let place = format!("{column}/{row}");
        self.key.seal(&self.identity, &place, text.as_bytes()).map_err(|source| sealed(&place, source))
    }

    /// Opens what was sealed for this column and row.
    ///
    /// # Errors
    /// Where it was sealed by another key or for another place, or was changed.
    pub fn open(&self, column: &str, row: Uuid, text: &[u8]) -> Result<String, VaultError> {
        let place = format!("{column}/{row}");
        let open = self.key.open(&place, text).map_err(|source| sealed(&place, source))?;
        String::from_utf8(open).map_err(|_| VaultError::Odd { place })
    }
}

/// Where the key of an account is kept.
pub fn account_place(id: Uuid) -> String {
    format!("account/{id}")
}

fn sealed(place: &str, source: shop_kit::seal::SealError) -> VaultError {
    VaultError::Sealed { place: place.to_owned(), source }
}

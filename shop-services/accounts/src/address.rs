//! Addresses as the database holds them: sealed as a whole, by the key of their account.

use shop_contracts::ErrorCode;
use shop_contracts::accounts::{Address, MAX_ADDRESSES, PostalAddress};
use shop_kit::precondition::{EntityTag, stale};
use shop_kit::{Database, Identity, Problem};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::{VaultError, known};
use crate::vault::AccountKey;

/// The account's row is locked, so that many at the same time are not more than there may be.
const LOCK_ACCOUNT: &str = "SELECT id FROM accounts WHERE id = $1 FOR UPDATE";

const COUNT: &str = "SELECT count(*) FROM addresses WHERE account_id = $1";

const INSERT: &str = "INSERT INTO addresses (id, account_id, postal) VALUES ($1, $2, $3)";

const LIST: &str = "SELECT id, postal FROM addresses WHERE account_id = $1 ORDER BY position";

const SELECT: &str = "SELECT postal, version FROM addresses WHERE id = $1 AND account_id = $2";

const UPDATE: &str = "UPDATE addresses SET postal = $3, version = version + 1 WHERE id = $1 AND version = $2";

const DELETE: &str = "DELETE FROM addresses WHERE id = $1 AND version = $2";

const COLUMN: &str = "addresses.postal";

/// The addresses of one account.
#[derive(Debug)]
pub struct AddressBook<'a> {
    /// Where.
    pub db: &'a Database,
    /// Ids.
    pub identity: &'a Identity,
    /// Whose.
    pub account: Uuid,
    /// What seals them.
    pub key: AccountKey,
}

/// An address and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// Which.
    pub address: Address,
    /// Changes with it.
    pub version: i64,
}

impl Versioned {
    /// Its entity tag.
    pub fn tag(&self) -> EntityTag {
        EntityTag::of_version(self.version.unsigned_abs())
    }
}

impl AddressBook<'_> {
    /// Puts one in.
    ///
    /// # Errors
    /// `too-many-addresses`, or where the database fails; then the transaction must not be committed.
    pub async fn insert(&self, tx: &mut PgConnection, postal: &PostalAddress) -> Result<Uuid, Problem> {
        let lock = sqlx::query(LOCK_ACCOUNT).bind(self.account);
        self.db.measure("lock_address_book", lock.execute(&mut *tx)).await?;
        let count = sqlx::query_scalar::<_, i64>(COUNT).bind(self.account);
        let count = self.db.measure("count_addresses", count.fetch_one(&mut *tx)).await?;
        if usize::try_from(count).unwrap_or(usize::MAX) >= MAX_ADDRESSES {
            let detail = format!("an account has at most {MAX_ADDRESSES} addresses: delete one first");
            return Err(known(ErrorCode::TooManyAddresses, detail));
        }
        let id = self.identity.mint(self.identity.now());
        let insert = sqlx::query(INSERT).bind(id).bind(self.account).bind(self.seal(id, postal)?);
        self.db.measure("insert_address", insert.execute(tx)).await?;
        Ok(id)
    }

    /// All of them, the oldest first.
    ///
    /// # Errors
    /// Where the database fails or what is sealed cannot be opened.
    pub async fn list(&self, connection: &mut PgConnection) -> Result<Vec<Address>, Problem> {
        let list = sqlx::query_as::<_, (Uuid, Vec<u8>)>(LIST).bind(self.account);
        let rows = self.db.measure("list_addresses", list.fetch_all(connection)).await?;
        rows.into_iter().map(|(id, sealed)| Ok(Address { id, postal: self.open(id, &sealed)? })).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// `address-not-found`, or where the database fails or what is sealed cannot be opened.
    pub async fn find(&self, connection: &mut PgConnection, id: Uuid) -> Result<Versioned, Problem> {
        let select = sqlx::query_as::<_, (Vec<u8>, i64)>(SELECT).bind(id).bind(self.account);
        let found = self.db.measure("select_address", select.fetch_optional(connection)).await?;
        let (sealed, version) =
            found.ok_or_else(|| known(ErrorCode::AddressNotFound, format!("you have no address {id}")))?;
        Ok(Versioned { address: Address { id, postal: self.open(id, &sealed)? }, version })
    }

    /// Puts another in the place of one, where nobody has changed that since it was read.
    ///
    /// # Errors
    /// 412, or where the database fails.
    pub async fn replace(
        &self,
        connection: &mut PgConnection,
        old: &Versioned,
        postal: PostalAddress,
    ) -> Result<Versioned, Problem> {
        let id = old.address.id;
        let update = sqlx::query(UPDATE).bind(id).bind(old.version).bind(self.seal(id, &postal)?);
        if self.db.measure("update_address", update.execute(connection)).await?.rows_affected() == 0 {
            return Err(stale());
        }
        Ok(Versioned { address: Address { id, postal }, version: old.version + 1 })
    }

    /// Takes one out, where nobody has changed it since it was read.
    ///
    /// # Errors
    /// 412, or where the database fails.
    pub async fn delete(&self, connection: &mut PgConnection, old: &Versioned) -> Result<(), Problem> {
        let delete = sqlx::query(DELETE).bind(old.address.id).bind(old.version);
        let deleted = self.db.measure("delete_address", delete.execute(connection)).await?.rows_affected();
        if deleted == 0 { Err(stale()) } else { Ok(()) }
    }

    fn seal(&self, id: Uuid, postal: &PostalAddress) -> Result<Vec<u8>, Problem> {
        let text = serde_json::to_string(postal).map_err(|_| Problem::internal())?;
        Ok(self.key.seal(COLUMN, id, &text)?)
    }

    fn open(&self, id: Uuid, sealed: &[u8]) -> Result<PostalAddress, VaultError> {
        let text = self.key.open(COLUMN, id, sealed)?;
        serde_json::from_str(&text).map_err(|_| VaultError::Odd { place: format!("{COLUMN}/{id}") })
    }
}

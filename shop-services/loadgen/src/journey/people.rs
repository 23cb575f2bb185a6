//! Customers whom the run knows: their accounts are opened before it begins, and opened already where it ran before.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use http::Method;
use serde_json::json;
use thiserror::Error;
use tokio::time::{Instant, sleep};

use crate::connection::{Connection, Outcome};
use crate::journey::call::{Message, message};

/// Accounts that are opened at the same time: each costs the shop a password hash.
const AT_ONCE: usize = 4;
/// Longest wait for one account.
const PATIENCE: Duration = Duration::from_mins(1);

/// A customer, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Customer(pub u32);

/// An account could not be opened.
#[derive(Debug, Error)]
#[error("the account {email} could not be opened within a minute: {last}; is the whole shop running behind {target}?")]
pub struct PeopleError {
    email: String,
    last: String,
    target: SocketAddr,
}

impl Customer {
    /// E-mail address.
    pub fn email(self) -> String {
        format!("customer-{}@loadgen.example", self.0)
    }

    /// Password; made of the number, for the accounts are no one's.
    pub fn password(self) -> String {
        format!("a long password for {}", self.0)
    }

    /// The message that logs in.
    pub fn log_in(self) -> Message {
        let body = json!({"grant_type": "password", "email": self.email(), "password": self.password()});
        message(Method::POST, "/v1/auth/token").json(&body).kept()
    }

    /// The message that opens the account.
    pub fn open(self) -> Message {
        let body = json!({"email": self.email(), "name": format!("Customer {}", self.0), "password": self.password()});
        message(Method::POST, "/v1/accounts").json(&body).key(&format!("open-{}", self.0))
    }
}

/// The address that the `number`-th visitor comes from: one of four million in 127.64.0.0/10.
pub fn address(number: u64) -> Ipv4Addr {
    let host = (number & 0x3F_FFFF) as u32;
    Ipv4Addr::from(0x7F40_0000 | host)
}

/// Opens the accounts of the first `count` customers, where they are not open.
///
/// # Errors
/// Where one cannot be opened within a minute.
pub async fn open(target: SocketAddr, count: u32) -> Result<(), PeopleError> {
    let opened = stream::iter((0..count).map(Customer)).map(|customer| open_one(target, customer));
    opened.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await.map(drop)
}

async fn open_one(target: SocketAddr, customer: Customer) -> Result<(), PeopleError> {
    let mut connection = Connection::from(target, address(u64::from(customer.0)));
    let until = Instant::now() + PATIENCE;
    loop {
        let last = match connection.send(&customer.open().into(), until).await {
            // 409: opened by an earlier run.
            Ok(answer) if matches!(answer.status, 201 | 409) => return Ok(()),
            Ok(answer) => format!("status {}", answer.status),
            Err(outcome) => Outcome::label(outcome).to_owned(),
        };
        if Instant::now() >= until {
            return Err(PeopleError { email: customer.email(), last, target });
        }
        sleep(Duration::from_millis(200)).await;
    }
}

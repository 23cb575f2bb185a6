//! What robots do in the shop.

use http::Method;
use rand::{Rng, RngCore};
use serde_json::json;

use crate::journey::call::{Class, Gone, message};
use crate::journey::people::Customer;
use crate::journey::preset::Journey;
use crate::journey::shopper::Shopper;
use crate::session::{Call, Page};

/// Accounts that scalpers have.
const SCALPERS: u32 = 200;
/// Part of the stolen passwords that are right.
const RIGHT: f64 = 0.01;

impl Shopper {
    /// One errand of a robot.
    pub(super) async fn run_as_robot(&mut self, journey: Journey) -> Result<(), Gone> {
        match journey {
            Journey::Scalp => self.scalp().await,
            Journey::Stuff => self.stuff().await,
            _ => self.crawl().await,
        }
    }

    /// Any page of the catalog: crawlers know no favourites.
    async fn crawl(&mut self) -> Result<(), Gone> {
        let page = if self.caller.rng.random_bool(0.8) { Page::Product } else { Page::Category };
        let call = Call { at: 0.0, page, choice: self.caller.rng.next_u64(), crawler: true };
        let path = self.street.assortment.path(&call);
        self.caller.call(Class::Robot, message(Method::GET, path).crawling(), &[200]).await.map(drop)
    }

    /// Puts the hottest product into the cart and buys it.
    async fn scalp(&mut self) -> Result<(), Gone> {
        let customer = Customer(self.caller.rng.random_range(0..SCALPERS.min(self.street.customers.max(1))));
        let token = self.log_in(customer, Class::Robot).await?;
        let cart = self.caller.call(Class::Robot, message(Method::GET, "/v1/cart").bearer(&token), &[200]).await?;
        let tag = cart.headers.get(http::header::ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default().to_owned();
        let put = message(Method::PUT, "/v1/cart/items/P00000-1").bearer(&token).seen(&tag);
        self.caller.call(Class::Robot, put.json(&json!({"quantity": 1})), &[200, 412]).await?;
        self.order(customer, &token, Class::Robot, Class::Robot).await
    }

    /// Tries the password of an account; one of a hundred is right.
    async fn stuff(&mut self) -> Result<(), Gone> {
        let customer = self.customer();
        let mut attempt = customer.log_in();
        if !self.caller.rng.random_bool(RIGHT) {
            let guess = format!("stolen elsewhere {}", self.caller.rng.next_u64());
            let body = json!({"grant_type": "password", "email": customer.email(), "password": guess});
            attempt = message(Method::POST, "/v1/auth/token").json(&body);
        }
        self.caller.call(Class::Robot, attempt, &[200, 401]).await.map(drop)
    }
}

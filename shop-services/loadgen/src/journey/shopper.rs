//! What people do in the shop, call by call.

use std::sync::Arc;

use http::Method;
use http::header::{ETAG, HeaderName};
use rand::{Rng, RngCore};
use rand_distr::{Distribution, Exp1};
use serde_json::{Value, json};
use shop_contracts::demo::product_id;
use tokio::time::Instant;
use uuid::Uuid;

use crate::connection::Answer;
use crate::journey::call::{Caller, Class, Entry, Gone, message};
use crate::journey::orders::{Orders, token_of};
use crate::journey::people::Customer;
use crate::journey::preset::Journey;
use crate::session::{Assortment, Call, Page};

/// Longest thought, as a multiple of the mean.
const LONGEST_THOUGHT: f64 = 10.0;
/// Part of the demand that gathers on the hottest products while a sale is on, and how many those are.
const HOT: (f64, u32) = (0.85, 3);
/// Times at which the status of an order is looked at, as parts of a mean thought, and at most so many looks.
const LOOKS: (f64, u32) = (0.1, 6);

/// What all visitors share.
#[derive(Debug)]
pub struct Street {
    /// What there is to buy.
    pub assortment: Assortment,
    /// How many customers have accounts.
    pub customers: u32,
    /// Mean thought between two calls, seconds.
    pub think: f64,
    /// Every order.
    pub orders: Orders,
}

/// One person.
#[derive(Debug)]
pub struct Shopper {
    /// At the door.
    pub caller: Caller,
    /// Among others.
    pub street: Arc<Street>,
    /// Whether a sale is on.
    pub sale: bool,
}

impl Shopper {
    /// Does what this journey is.
    ///
    /// # Errors
    /// [`Gone`] where it ended early.
    pub async fn walk(&mut self, journey: Journey) -> Result<(), Gone> {
        match journey {
            Journey::Browse => self.browse().await,
            Journey::Cart => self.collect().await,
            Journey::Buy => self.buy().await,
            Journey::Returning => self.return_to().await,
            Journey::Abuse => self.abuse().await,
            Journey::Refresh => self.refresh().await,
            Journey::Crawl | Journey::Scalp | Journey::Stuff => self.run_as_robot(journey).await,
        }
    }

    /// Home, and one to four of search, category and product page.
    async fn browse(&mut self) -> Result<(), Gone> {
        self.look(Page::Home).await?;
        for _ in 0..self.caller.rng.random_range(1..=4) {
            self.thinks(1.0);
            let page = match self.caller.rng.random_range(0..20) {
                0..6 => Page::Search,
                6..11 => Page::Category,
                _ => Page::Product,
            };
            self.look(page).await?;
        }
        Ok(())
    }

    /// One page, again and again, a second or two apart.
    async fn refresh(&mut self) -> Result<(), Gone> {
        let path = page_of(0);
        for _ in 0..5 {
            self.see(&path).await?;
            self.thinks(0.2);
        }
        Ok(())
    }

    /// A guest who fills a cart, asks what it costs, and leaves.
    async fn collect(&mut self) -> Result<(), Gone> {
        self.look(Page::Home).await?;
        self.thinks(1.0);
        self.look(Page::Product).await?;
        let welcome = self.caller.call(Class::Account, message(Method::GET, "/v1/cart"), &[200]).await?;
        let token = header(&welcome, &HeaderName::from_static("cart-token")).ok_or(Gone)?;
        let mut tag = header(&welcome, &ETAG).ok_or(Gone)?;
        for _ in 0..self.caller.rng.random_range(1..=3) {
            self.thinks(1.0);
            let put = message(Method::PUT, self.shelf()).guest(&token).seen(&tag).json(&json!({"quantity": 1}));
            let changed = self.caller.call(Class::Cart, put, &[200]).await?;
            tag = header(&changed, &ETAG).ok_or(Gone)?;
        }
        self.thinks(1.0);
        let quote = message(Method::POST, "/v1/cart/quote").guest(&token).json(&terms());
        self.caller.call(Class::Quote, quote, &[200]).await.map(drop)
    }

    /// Looks around, logs in, fills the cart, asks what it costs, orders, and looks whether it is confirmed.
    async fn buy(&mut self) -> Result<(), Gone> {
        self.browse().await?;
        self.thinks(1.0);
        let customer = self.customer();
        let token = self.log_in(customer, Class::Account).await?;
        for _ in 0..self.caller.rng.random_range(1..=2) {
            self.thinks(0.5);
            self.take(&token).await?;
        }
        self.thinks(0.5);
        self.order(customer, &token, Class::Quote, Class::Order).await
    }

    /// Puts one more thing into a customer's cart; of two devices at once, the later one reads it again.
    async fn take(&mut self, token: &str) -> Result<(), Gone> {
        let path = self.shelf();
        for _ in 0..3 {
            let cart = self.caller.call(Class::Account, message(Method::GET, "/v1/cart").bearer(token), &[200]).await?;
            let tag = header(&cart, &ETAG).ok_or(Gone)?;
            let put = message(Method::PUT, &path).bearer(token).seen(&tag).json(&json!({"quantity": 1}));
            if self.caller.call(Class::Cart, put, &[200, 412]).await?.status == 200 {
                return Ok(());
            }
        }
        Err(Gone)
    }

    /// Orders what is in the cart, and follows the order as its customer does.
    pub(super) async fn order(
        &mut self,
        customer: Customer,
        token: &str,
        quote: Class,
        order: Class,
    ) -> Result<(), Gone> {
        let ask = message(Method::POST, "/v1/cart/quote").bearer(token).json(&terms()).kept();
        // 409: another device has just bought what was in it.
        let quoted = self.caller.call(quote, ask, &[200, 409]).await?;
        let Some(quote) = json_of(&quoted)["token"].as_str().map(str::to_owned) else { return Err(Gone) };
        self.thinks(0.3);
        let key = Uuid::from_u64_pair(self.caller.rng.next_u64(), self.caller.rng.next_u64()).to_string();
        let body = json!({"quote": quote, "payment_method": "tok_ok"});
        let place = message(Method::POST, "/v1/orders").key(&key).json(&body).kept();
        let number = self.street.orders.begin(customer, place.clone());
        let placed = self.caller.call(order, place.bearer(token), &[202]).await?;
        let since = Instant::now();
        let path = self.street.orders.accepted(number, &placed).ok_or(Gone)?;
        if order == Class::Robot {
            return Ok(());
        }
        self.follow(number, &path, token, since).await
    }

    /// Looks at an order until it rests, or nobody is interested any more.
    async fn follow(&mut self, number: usize, path: &str, token: &str, since: Instant) -> Result<(), Gone> {
        #[expect(clippy::cast_possible_truncation, reason = "seconds of a run")]
        let second = since.saturating_duration_since(self.caller.zero).as_secs() as u32;
        for _ in 0..LOOKS.1 {
            self.thinks(LOOKS.0);
            let look = message(Method::GET, path).bearer(token).kept();
            let answer = self.caller.call(Class::Account, look, &[200]).await?;
            if self.street.orders.looked(number, &answer) {
                let class = Class::Settled;
                self.caller.tell(Entry::Offered { class, second });
                let (outcome, latency) = (crate::connection::Outcome::Ok, since.elapsed());
                self.caller.tell(Entry::Done { class, second, outcome, latency, retries: 0 });
                return Ok(());
            }
        }
        Ok(())
    }

    /// Looks after orders and account; one of ten cancels.
    async fn return_to(&mut self) -> Result<(), Gone> {
        let customer = self.customer();
        let token = self.log_in(customer, Class::Account).await?;
        self.thinks(1.0);
        let list = message(Method::GET, "/v1/orders?limit=10").bearer(&token).kept();
        let listed = json_of(&self.caller.call(Class::Account, list, &[200]).await?);
        self.thinks(1.0);
        self.caller.call(Class::Account, message(Method::GET, "/v1/accounts/me").bearer(&token), &[200]).await?;
        let Some(id) = listed["items"][0]["id"].as_str() else { return Ok(()) };
        self.thinks(1.0);
        let path = format!("/v1/orders/{id}");
        self.caller.call(Class::Account, message(Method::GET, &path).bearer(&token), &[200]).await?;
        if self.caller.rng.random_bool(0.1) {
            self.thinks(0.5);
            let key = format!("cancel-{}", self.caller.rng.next_u64());
            let cancel = message(Method::POST, format!("{path}/cancel")).bearer(&token).key(&key);
            // 409: it is paid, or at an end already.
            self.caller.call(Class::Account, cancel, &[200, 202, 409]).await?;
        }
        Ok(())
    }

    /// What must be refused: a bad coupon, a stale tag, somebody else's order.
    async fn abuse(&mut self) -> Result<(), Gone> {
        let customer = self.customer();
        let token = self.log_in(customer, Class::Account).await?;
        self.thinks(1.0);
        let refused: (_, &[u16]) = match self.caller.rng.random_range(0..3) {
            0 => {
                let mut terms = terms();
                terms["coupon"] = json!("NO-SUCH-COUPON");
                // 409: the cart is empty.
                (message(Method::POST, "/v1/cart/quote").bearer(&token).json(&terms), &[404, 409, 422])
            }
            1 => {
                let put = message(Method::PUT, self.shelf()).bearer(&token).json(&json!({"quantity": 1}));
                (put.seen("\"1\""), &[412])
            }
            _ => {
                let id = Uuid::from_u64_pair(self.caller.rng.next_u64(), self.caller.rng.next_u64());
                (message(Method::GET, format!("/v1/orders/{id}")).bearer(&token), &[404])
            }
        };
        self.caller.call(Class::Account, refused.0, refused.1).await.map(drop)
    }

    pub(super) async fn log_in(&mut self, customer: Customer, class: Class) -> Result<String, Gone> {
        let answer = self.caller.call(class, customer.log_in(), &[200]).await?;
        token_of(&answer).ok_or(Gone)
    }

    /// A page of the catalog or of a product.
    async fn look(&mut self, page: Page) -> Result<(), Gone> {
        if page == Page::Product {
            let path = page_of(self.product());
            return self.see(&path).await;
        }
        let call = Call { at: 0.0, page, choice: self.caller.rng.next_u64(), crawler: false };
        let path = self.street.assortment.path(&call);
        self.caller.call(Class::Browse, message(Method::GET, path), &[200]).await.map(drop)
    }

    async fn see(&mut self, path: &str) -> Result<(), Gone> {
        let page = self.caller.call(Class::Browse, message(Method::GET, path).kept(), &[200]).await?;
        if json_of(&page)["missing"].as_array().is_some_and(|missing| !missing.is_empty()) {
            self.caller.tell(Entry::Partial);
        }
        Ok(())
    }

    /// The index of a product that this person likes.
    fn product(&mut self) -> u32 {
        if self.sale && self.caller.rng.random_bool(HOT.0) {
            return self.caller.rng.random_range(0..HOT.1);
        }
        self.street.assortment.product(false, &mut self.caller.rng)
    }

    /// Where the first variant of such a product is put into a cart.
    fn shelf(&mut self) -> String {
        format!("/v1/cart/items/P{:05}-1", self.product())
    }

    pub(super) fn customer(&mut self) -> Customer {
        Customer(self.caller.rng.random_range(0..self.street.customers.max(1)))
    }

    /// Thinks, `part` of an ordinary thought on average.
    pub(super) fn thinks(&mut self, part: f64) {
        let thought: f64 = Exp1.sample(&mut self.caller.rng);
        self.caller.waits(thought.min(LONGEST_THOUGHT) * self.street.think * part);
    }
}

fn page_of(product: u32) -> String {
    format!("/v1/storefront/products/{}", product_id(product))
}

fn terms() -> Value {
    json!({"currency": "EUR", "country": "DE"})
}

fn header(answer: &Answer, name: &HeaderName) -> Option<String> {
    Some(answer.headers.get(name)?.to_str().ok()?.to_owned())
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

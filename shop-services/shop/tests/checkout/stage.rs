//! The whole of what an order needs, started for one test, and what must hold between all the books afterwards.

use std::ops::Deref;

use presale_shop::Launch;
use serde_json::{Value, json};
use test_kit::{Postgres, free_address};

use crate::floor::{Floor, Service, eur, shop};

/// What pricing calls cart.
const CART: &str = "Bearer cart-token";
/// Units of each SKU at the beginning.
pub(crate) const STOCK: i64 = 1_000;

/// Pricing, inventory, payments and the provider, and who signs customers' tokens.
pub(crate) struct Stage {
    pub(crate) pricing: Service,
    pub(crate) inventory: Service,
    pub(crate) payments: Service,
    provider: presale_shop::Service,
    floor: Floor,
}

impl Deref for Stage {
    type Target = Floor;

    fn deref(&self) -> &Floor {
        &self.floor
    }
}

/// Settings that tests change.
#[derive(Default)]
pub(crate) struct Settings<'a> {
    pub(crate) pricing: &'a [&'a str],
    pub(crate) inventory: &'a [&'a str],
    pub(crate) payments: &'a [&'a str],
}

impl Stage {
    pub(crate) async fn set() -> anyhow::Result<Self> {
        Self::set_with(Settings::default()).await
    }

    pub(crate) async fn set_with(settings: Settings<'_>) -> anyhow::Result<Self> {
        let mut floor = Floor::lay().await?;
        for name in ["psp-sim", "pricing", "inventory", "payments"] {
            floor.wiring.places.insert(name.to_owned(), free_address()?);
        }
        let at = |name: &str| floor.wiring.places[name];
        let (address, flags) = (at("psp-sim"), Vec::new());
        let psp = Launch { program: shop(), name: "psp-sim", address, database: None, flags };
        let storing = [&["--sweep-period=100ms"], settings.inventory].concat();
        let paying = [&["--psp-retry-delay=100ms"], settings.payments].concat();
        let (provider, pricing, inventory, payments) = tokio::try_join!(
            presale_shop::Service::start(psp, &floor.wiring),
            Service::start("pricing", at("pricing"), &floor, settings.pricing),
            Service::start("inventory", at("inventory"), &floor, &storing),
            Service::start("payments", at("payments"), &floor, &paying),
        )?;
        let stage = Self { pricing, inventory, payments, provider, floor };
        let rate = json!({"country": "DE", "shipping": eur(499), "tax_per_10k": 1900});
        stage.pricing.made("/v1/rates", "rate", &rate).await;
        stage.sells("LAMP", 1_999).await;
        Ok(stage)
    }

    /// Sells so many of an SKU at this price.
    async fn sells(&self, sku: &str, cents: i64) {
        self.pricing.made("/v1/prices", sku, &json!({"sku": sku, "price": eur(cents)})).await;
        let delivery = json!({"change": STOCK, "reason": "delivery"});
        self.inventory.made(&format!("/v1/stock/{sku}/adjustments"), sku, &delivery).await;
    }

    /// Leaves so few of the lamp.
    pub(crate) async fn leaves(&self, units: i64) {
        let theft = json!({"change": units - STOCK, "reason": "theft"});
        self.inventory.made("/v1/stock/LAMP/adjustments", "theft", &theft).await;
    }

    /// Hands out a coupon that takes so much off, in ten-thousandths.
    pub(crate) async fn gives_coupon(&self, code: &str, off: u32, max: u32) {
        let coupon = json!({"code": code, "value": {"off_per10k": off}, "max_redemptions": max,
            "starts_at": "2020-01-01T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z"});
        self.pricing.made("/v1/coupons", code, &coupon).await;
    }

    /// The signed quote for so many lamps.
    pub(crate) async fn quote(&self, quantity: u32, coupon: Option<&str>) -> String {
        let mut body = json!({"lines": [{"sku": "LAMP", "quantity": quantity}], "currency": "EUR", "country": "DE"});
        if let Some(code) = coupon {
            body["coupon"] = json!(code);
        }
        let answer = self.pricing.send("POST", "/v1/quotes", CART, None, Some(&body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// Starts orders on an empty database.
    pub(crate) async fn orders(&self, flags: &[&str]) -> anyhow::Result<Service> {
        self.orders_on(Postgres::shared().await?.database().await?, flags).await
    }

    /// Starts orders on this database, perhaps beside another replica.
    pub(crate) async fn orders_on(&self, database: String, flags: &[&str]) -> anyhow::Result<Service> {
        let mut words = Vec::new();
        if !flags.iter().any(|flag| flag.starts_with("--call-timeout")) {
            words.push("--call-timeout=2s".to_owned());
        }
        if !flags.iter().any(|flag| flag.starts_with("--saga-attempts")) {
            words.push("--saga-attempts=40".to_owned());
        }
        words.extend(["--saga-retry-delay=100ms".to_owned()]);
        words.extend(flags.iter().map(|flag| (*flag).to_owned()));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Service::start_on("orders", free_address()?, database, &self.floor, &words).await
    }

    /// Starts accounts on an empty database, whose tokens the services that start after it believe.
    pub(crate) async fn accounts(&mut self) -> anyhow::Result<Service> {
        let accounts = Service::start("accounts", free_address()?, &self.floor, &[]).await?;
        self.floor.believes(accounts.address);
        Ok(accounts)
    }

    /// Starts notifications on an empty database, without a sink.
    pub(crate) async fn notifications(&self) -> anyhow::Result<Service> {
        Service::start("notifications", free_address()?, &self.floor, &["--sweep-period=100ms"]).await
    }

    /// Starts cart on an empty database.
    pub(crate) async fn cart(&self) -> anyhow::Result<Service> {
        self.floor.cart(&[]).await
    }

    /// Tells the provider how to misbehave.
    pub(crate) async fn program(&self, program: Value) {
        let set = self.provider.client.send("PUT", "/sim/program", &[], Some(&program.to_string())).await.unwrap();
        assert_eq!(set.status, 204, "{}", set.text());
    }

    /// So often the provider did this.
    pub(crate) async fn provider_did(&self, what: &str) -> i64 {
        self.books().await["succeeded"][what].as_i64().unwrap()
    }

    pub(crate) async fn books(&self) -> Value {
        self.provider.client.send("GET", "/sim/books", &[], None).await.unwrap().json()
    }
}

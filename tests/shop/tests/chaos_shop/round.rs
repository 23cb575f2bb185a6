//! One round: a sale, and everything goes wrong meanwhile; then the shop comes to rest, and is audited.

use std::time::Duration;

use anyhow::{Context, ensure};
use loadgen::audit::{Places, Report, Terms, audit};
use loadgen::journey::preset::Preset;
use loadgen::journey::verdict::Verdict;
use loadgen::journey::visit::Arrivals;
use loadgen::journey::{people, run};
use loadgen::progress::Progress;
use loadgen::session::Assortment;
use presale_shop::{Say, Shop};
use serde::Serialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::PRODUCTS;
use crate::at_rest::{database, rested};
use crate::clerk::{DEADLINE, Desk, audits};
use crate::fault::{Lane, plan};
use crate::stage::{Stage, Struck};
use crate::strike;

/// Visitors per second on an ordinary day; a sale brings ten times as many.
const RATE: f64 = 1.0;
/// Customers with accounts.
const CUSTOMERS: u32 = 30;
/// Longest wait for orders, and then for everything else, to come to rest once nothing goes wrong any more.
const RESTS: Duration = Duration::from_mins(4);
/// What everybody wants in a sale; there is less of it than is wanted.
const HOT: [&str; 3] = ["P00000-1", "P00001-1", "P00002-1"];
/// Seconds of a sale in which one more of each comes.
const SECONDS_PER_UNIT: u64 = 5;

/// What a round shall be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) number: u64,
    pub(crate) seed: u64,
    pub(crate) seconds: u64,
}

/// What a round was.
#[derive(Debug, Serialize)]
pub(crate) struct Round {
    pub(crate) faults: Vec<Struck>,
    pub(crate) verdict: Verdict,
    pub(crate) shipped: u64,
    pub(crate) refunded: u64,
    pub(crate) report: Report,
    pub(crate) broken: Vec<String>,
}

impl Plan {
    /// Plays it.
    pub(crate) async fn play(self, shop: &mut Shop, say: Say<'_>) -> anyhow::Result<Round> {
        people::open(shop.gateway, CUSTOMERS).await?;
        self.deliver(shop).await?;
        let places = Places::read(&shop.places)?;
        let (load, orders) = (self.load(shop)?, database(shop, "orders"));
        let (psp, desk) = (shop.services["psp-sim"].client.clone(), shop.services["orders"].client.clone());
        let stage = Stage::new(self.seconds, say);
        let faults = |lane| plan(lane, (self.seed, self.number), self.seconds);
        let Shop { services, links, postgres, nats, wiring, .. } = &mut *shop;
        let (postgres, nats) = (&*postgres, &*nats);
        let desk = Desk {
            orders: &desk,
            database: &orders,
            admin: &wiring.secrets.admin,
            seed: self.seed.wrapping_add(self.number),
        };
        let came = async {
            let progress = Progress::Log(std::io::stderr(), 60);
            run::run(load, progress, CancellationToken::new()).await.context("the load")
        };
        let ((), (), (), (), (shipped, refunded), mut broken, verdict) = tokio::try_join!(
            strike::services(services, faults(Lane::Services), &stage),
            strike::stores((postgres, nats), faults(Lane::Stores), &stage),
            strike::network(links, faults(Lane::Network), &stage),
            strike::provider(&psp, faults(Lane::Provider), &stage),
            desk.work(&stage),
            async { anyhow::Ok(audits(&places, &stage).await) },
            came,
        )?;
        stage.say("nothing goes wrong any more");
        broken.extend(verdict.orders.lost.iter().map(|order| format!("lost: {order}")));
        for service in shop.services.values_mut() {
            broken.extend(strike::runs(service).err().map(|ended| ended.to_string()));
        }
        broken.extend(rested(shop, RESTS).await?.into_iter().map(|left| format!("does not come to rest: {left}")));
        let terms = Terms { within: RESTS, deadline: DEADLINE, strangers: 3 };
        let report = audit(&places, terms).await.context("the audit")?;
        let named = report.broken().map(|f| format!("{:?} {}: {:?}", f.invariant, f.rule, f.examples));
        broken.extend(named);
        stage.say(&format!("at rest and audited: {} rules", report.findings.len()));
        Ok(Round { faults: stage.struck(), verdict, shipped, refunded, report, broken })
    }

    fn load(self, shop: &Shop) -> anyhow::Result<run::Plan> {
        let assortment = Assortment::new(PRODUCTS, 1.0).context("an assortment")?;
        let duration = Duration::from_secs(self.seconds).as_secs_f64();
        let seed = self.seed.wrapping_mul(1_000).wrapping_add(self.number);
        Ok(run::Plan {
            arrivals: Arrivals { preset: Preset::Flash, rate: RATE, duration, variation: 0.15, seed },
            assortment,
            target: shop.gateway,
            customers: CUSTOMERS,
            think: 1.0,
            timeout: Duration::from_secs(10),
            settle: RESTS,
        })
    }

    /// Leaves less of the hot products on the shelf than will be wanted.
    async fn deliver(self, shop: &Shop) -> anyhow::Result<()> {
        let (client, bearer) = (&shop.services["inventory"].client, format!("Bearer {}", shop.wiring.secrets.admin));
        let wanted = i64::try_from(self.seconds / SECONDS_PER_UNIT)?.max(1);
        for sku in HOT {
            let level = client.send("GET", &format!("/v1/stock?sku={sku}"), &[], None).await?;
            let available = level.json()["items"][0]["available"].as_i64();
            let available = available.with_context(|| format!("{sku} has no stock level: {}", level.text()))?;
            let (change, key) = (wanted - available, format!("{sku}-{}", self.number));
            if change == 0 {
                continue;
            }
            let headers = [("authorization", bearer.as_str()), ("idempotency-key", key.as_str())];
            let body = json!({"change": change, "reason": "a sale"}).to_string();
            let path = format!("/v1/stock/{sku}/adjustments");
            let answer = client.send("POST", &path, &headers, Some(&body)).await?;
            ensure!(answer.status < 300, "POST {path} was answered {}: {}", answer.status, answer.text());
        }
        Ok(())
    }
}

impl Round {
    /// In one line.
    pub(crate) fn line(&self) -> String {
        let orders = &self.verdict.orders;
        format!(
            "{} faults, {} visits, {} orders accepted, {} lost, {} shipped and {} refunded since; {} broken promises",
            self.faults.len(),
            self.verdict.visits,
            orders.accepted,
            orders.lost.len(),
            self.shipped,
            self.refunded,
            self.broken.len()
        )
    }
}

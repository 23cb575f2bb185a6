//! Pricing, inventory and payments as orders asks them: one call per step, and what its answer means.
//!
//! Every call can be repeated: payments and pricing recognise the order and its key, inventory the order and the
//! fencing token. No key is ever replaced by a new one because an answer did not come.

use shop_contracts::ErrorCode;
use shop_contracts::inventory::{NewReservation, Reservation, ReservationLine, ReservationState, Settlement};
use shop_contracts::payments::{NewPayment, Payment, PaymentState, Refund};
use shop_contracts::pricing::{Redemption, RedemptionRequest};
use shop_kit::mutual::Credentials;
use shop_kit::peer::{Peer, PeerError, Refusal, Reply};
use shop_metrics::{Breakers, Calls};
use uuid::Uuid;

use crate::config::OthersConfig;
use crate::order::Claimed;
use crate::saga::{Outcome, Step};

/// The services that orders asks.
#[derive(Debug, Clone)]
pub struct Others {
    pricing: Peer,
    inventory: Peer,
    payments: Peer,
}

/// What one try of a step brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// How it ended.
    pub outcome: Outcome,
    /// The reservation, where one was made.
    pub reservation_id: Option<Uuid>,
    /// The payment, where one was made.
    pub payment_id: Option<Uuid>,
}

impl From<Outcome> for Heard {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, reservation_id: None, payment_id: None }
    }
}

impl Others {
    /// Takes whom to ask from the configuration.
    ///
    /// # Errors
    /// Where no client can be made.
    pub fn new(
        config: OthersConfig,
        metrics: &Calls,
        breakers: &Breakers,
        credentials: Option<&Credentials>,
    ) -> Result<Self, PeerError> {
        let OthersConfig {
            pricing_url,
            pricing_token,
            inventory_url,
            inventory_token,
            payments_url,
            payments_token,
            call_timeout,
        } = config;
        let peer = |name, url: &str| Peer::new(name, url, call_timeout, metrics.clone());
        let guarded = |name, url: &str| Ok(peer(name, url)?.showing(credentials, name)?.with_breaker(breakers));
        Ok(Self {
            pricing: guarded("pricing", &pricing_url)?.with_token(pricing_token),
            inventory: guarded("inventory", &inventory_url)?.with_token(inventory_token),
            payments: guarded("payments", &payments_url)?.with_token(payments_token),
        })
    }

    /// Who publishes the keys that check quotes.
    pub fn quotes(&self) -> Peer {
        self.pricing.clone()
    }

    /// Tries the step that is at work for an order.
    pub async fn take(&self, order: &Claimed) -> Heard {
        match order.progress.step {
            Step::Redeem => self.redeem(order).await.into(),
            Step::Reserve => self.reserve(order).await,
            Step::CommitStock => self.settle(order, "commit", &[ReservationState::Committed]).await.into(),
            Step::Release | Step::Restock => {
                let given_back = [ReservationState::Released, ReservationState::Expired];
                self.settle(order, "release", &given_back).await.into()
            }
            Step::Authorize => self.authorize(order).await,
            Step::Capture => self.turn(order, "capture", None::<&()>, &[PaymentState::Captured]).await.into(),
            Step::Void => {
                // A declined authorization has set nothing aside.
                self.turn(order, "void", None::<&()>, &[PaymentState::Voided, PaymentState::Failed]).await.into()
            }
            Step::Refund => {
                let refund = Refund { amount: order.quote.total };
                self.turn(order, "refund", Some(&refund), &[PaymentState::Refunded]).await.into()
            }
            Step::Confirm => Outcome::Done.into(),
        }
    }

    async fn redeem(&self, order: &Claimed) -> Outcome {
        let body = RedemptionRequest { order_id: order.id, quote: order.quote_token.clone() };
        let key = format!("redeem-{}", order.id);
        match self.pricing.ask::<Redemption>("/v1/redemptions", &key, Some(&body)).await {
            Reply::Done(redemption) if redemption.order_id == order.id => Outcome::Done,
            Reply::Done(redemption) => Outcome::Contradiction(format!("pricing redeemed for {}", redemption.order_id)),
            Reply::Refused(refusal) => Outcome::Refused(refusal.slug),
            Reply::Unknown(why) => Outcome::Unknown(why),
        }
    }

    async fn reserve(&self, order: &Claimed) -> Heard {
        let lines = order.quote.lines.iter();
        let lines = lines.map(|l| ReservationLine { sku: l.sku.clone(), quantity: l.quantity }).collect();
        let body = NewReservation { order_id: order.id, fence: order.fence, lines };
        let key = format!("reserve-{}-{}", order.id, order.fence);
        match self.inventory.ask::<Reservation>("/v1/reservations", &key, Some(&body)).await {
            Reply::Done(made) if made.order_id == order.id && made.state == ReservationState::Held => {
                Heard { reservation_id: Some(made.id), ..Outcome::Done.into() }
            }
            Reply::Done(made) => contradiction("reservation", made.id, made.state.name()).into(),
            Reply::Refused(refusal) => stock_refused(refusal).into(),
            Reply::Unknown(why) => Outcome::Unknown(why).into(),
        }
    }

    async fn settle(&self, order: &Claimed, how: &str, wanted: &[ReservationState]) -> Outcome {
        let Some(id) = order.reservation_id else {
            return Outcome::Contradiction("the order has no reservation".to_owned());
        };
        let (path, body) = (format!("/v1/reservations/{id}/{how}"), Settlement { fence: order.fence });
        let key = format!("{how}-{}-{}", order.id, order.fence);
        match self.inventory.ask::<Reservation>(&path, &key, Some(&body)).await {
            Reply::Done(settled) if settled.order_id == order.id && wanted.contains(&settled.state) => Outcome::Done,
            Reply::Done(settled) => contradiction("reservation", settled.id, settled.state.name()),
            Reply::Refused(refusal) => stock_refused(refusal),
            Reply::Unknown(why) => Outcome::Unknown(why),
        }
    }

    async fn authorize(&self, order: &Claimed) -> Heard {
        let body = NewPayment { order_id: order.id, amount: order.quote.total, method: order.method.clone() };
        let reply = self.payments.ask::<Payment>("/v1/payments", &format!("authorize-{}", order.id), Some(&body)).await;
        let payment_id = if let Reply::Done(payment) = &reply { Some(payment.id) } else { None };
        let outcome = match reply {
            Reply::Refused(refusal) if refusal.slug == ErrorCode::InvalidField.slug() => Outcome::Refused(refusal.slug),
            other => judged(other, order, &[PaymentState::Authorized]),
        };
        Heard { payment_id, ..outcome.into() }
    }

    async fn turn(
        &self,
        order: &Claimed,
        how: &str,
        body: Option<&impl serde::Serialize>,
        wanted: &[PaymentState],
    ) -> Outcome {
        let Some(id) = order.payment_id else { return Outcome::Contradiction("the order has no payment".to_owned()) };
        let (path, key) = (format!("/v1/payments/{id}/{how}"), format!("{how}-{}", order.id));
        judged(self.payments.ask::<Payment>(&path, &key, body).await, order, wanted)
    }
}

/// What payments' answer means, where one of `wanted` is what was asked for.
fn judged(reply: Reply<Payment>, order: &Claimed, wanted: &[PaymentState]) -> Outcome {
    let payment = match reply {
        Reply::Done(payment) => payment,
        Reply::Refused(Refusal { slug, detail }) => return Outcome::Contradiction(format!("{slug}: {detail}")),
        Reply::Unknown(why) => return Outcome::Unknown(why),
    };
    if payment.order_id != order.id || payment.amount != order.quote.total {
        return contradiction("payment", payment.id, "of another order or amount");
    }
    match payment.state {
        state if wanted.contains(&state) => Outcome::Done,
        state if state.is_open() => Outcome::Waiting(format!("payment {} is {}", payment.id, state.name())),
        PaymentState::Failed => Outcome::Refused("payment-declined".to_owned()),
        state => contradiction("payment", payment.id, state.name()),
    }
}

fn stock_refused(Refusal { slug, detail }: Refusal) -> Outcome {
    if slug == ErrorCode::StaleFence.slug() {
        // Another worker has the order, or had it: whoever claims it next has the greater token.
        return Outcome::Unknown(detail);
    }
    if slug == ErrorCode::ReservationNotFound.slug() {
        return Outcome::Contradiction(detail);
    }
    Outcome::Refused(slug)
}

fn contradiction(what: &str, id: Uuid, how: &str) -> Outcome {
    Outcome::Contradiction(format!("{what} {id} is {how}"))
}

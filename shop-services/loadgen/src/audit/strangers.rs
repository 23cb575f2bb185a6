//! Strangers at the door: an auditor with an account of their own tries to reach what is others'.

use http::Method;
use serde_json::Value;

use super::between::Ledgers;
use super::places::{Places, ask};
use super::{AuditError, Finding, Invariant};
use crate::journey::call::message;
use crate::journey::orders::token_of;
use crate::journey::people::Customer;

/// The auditor, and somebody who owns nothing.
const AUDITORS: [Customer; 2] = [Customer(u32::MAX), Customer(u32::MAX - 1)];

/// Every try at another's order must be answered as if there were none.
pub(super) async fn check(places: &Places, ledgers: &Ledgers, most: usize) -> Result<Vec<Finding>, AuditError> {
    let mut reached = Vec::new();
    for auditor in AUDITORS {
        let token = token(places, auditor).await?;
        let listed = ask(&places.gateway, message(Method::GET, "/v1/orders").bearer(&token).kept().into()).await?;
        let listed: Value = serde_json::from_slice(&listed.body).unwrap_or_default();
        reached
            .extend(listed["items"].as_array().into_iter().flatten().map(|order| format!("listed: {}", order["id"])));
        let step = (ledgers.orders.len() / most.max(1)).max(1);
        for id in ledgers.orders.keys().step_by(step).take(most) {
            let path = format!("/v1/orders/{id}");
            let read = ask(&places.gateway, message(Method::GET, &path).bearer(&token).into()).await?;
            let cancel = message(Method::POST, format!("{path}/cancel")).bearer(&token).key("audit");
            let cancelled = ask(&places.gateway, cancel.into()).await?;
            for (what, status) in [("read", read.status), ("cancelled", cancelled.status)] {
                // 429: the auditor came too often, and reached nothing.
                if !matches!(status, 404 | 429) {
                    reached.push(format!("{what} {path}: status {status}"));
                }
            }
        }
    }
    Ok(vec![Finding::of(Invariant::I7, "a stranger reaches nobody's order", reached)])
}

/// The auditor's token; the account is opened where this is the first audit.
async fn token(places: &Places, auditor: Customer) -> Result<String, AuditError> {
    let opened = ask(&places.gateway, auditor.open().into()).await?;
    let answer = ask(&places.gateway, auditor.log_in().into()).await?;
    let said = format!("the auditor's account was answered {}, the login {}", opened.status, answer.status);
    token_of(&answer).ok_or_else(|| AuditError::Door { url: places.gateway.clone(), said })
}

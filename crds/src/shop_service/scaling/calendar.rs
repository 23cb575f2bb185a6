//! Local clock and holidays of the customers.

use kube::KubeSchema;
use kube::core::Rule;
use serde::{Deserialize, Serialize};

use crate::validation::known_zone;

/// Countries whose public holidays are known, as ISO 3166-1 alpha-2 codes, ascending.
pub const COUNTRIES: [&str; 26] = [
    "AT", "AU", "BE", "BR", "CA", "CH", "CN", "CZ", "DE", "DK", "ES", "FI", "FR", "GB", "IE", "IN", "IT", "JP", "MX",
    "NL", "NO", "NZ", "PL", "PT", "SE", "US",
];

/// Local clock and holidays of the customers.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Calendar {
    /// IANA time zone of the customers: hours and weekdays of the traffic's rhythm are taken in it. Default UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = known_zone("calendar.timeZone")[0].clone(), validation = known_zone("calendar.timeZone")[1].clone())]
    pub time_zone: Option<String>,
    /// Country whose public holidays the customers keep, as ISO 3166-1 alpha-2 code in capitals, such as DE. Default
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 2))]
    #[x_kube(validation = known_country())]
    pub country: Option<String>,
}

/// A country without known holidays would change nothing: it is refused.
fn known_country() -> Rule {
    Rule::new(format!("self in ['{}']", COUNTRIES.join("', '"))).message(&*format!(
        "calendar.country must be an ISO 3166-1 alpha-2 code in capitals, such as \"DE\", of a country whose public holidays are known: {}",
        COUNTRIES.join(" ")
    ))
}

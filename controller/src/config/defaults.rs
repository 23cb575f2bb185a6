//! Settings that stand in for absent fields of `spec.scaling`.

use jiff::SignedDuration;
use presale_cluster::convert::Defaults;
use presale_crds::{Mode, SignalSource, Tier, Trust};
use serde::de::DeserializeOwned;
use serde::de::value::{Error as WordError, StrDeserializer};

use super::{at_least, at_least_a_second};

/// What absent fields of a `ShopService`'s `spec.scaling` mean.
#[derive(clap::Args, Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "a field is named as its flag")]
#[expect(clippy::doc_markdown, reason = "the text of --help, where marks of code are noise")]
pub(crate) struct DefaultsConfig {
    /// Default of scaling.mode: Auto, Recommend, Shadow or Paused
    #[arg(long, env = "PRESALE_DEFAULT_MODE", default_value = "Auto", value_parser = word::<Mode>, value_name = "MODE")]
    pub(crate) default_mode: Mode,
    /// Default of scaling.tier: Critical, Standard or BestEffort
    #[arg(long, env = "PRESALE_DEFAULT_TIER", default_value = "Standard", value_parser = word::<Tier>, value_name = "TIER")]
    pub(crate) default_tier: Tier,
    /// Default of scaling.signal.source: OpenTelemetry, IngressNginx or PresaleGateway
    #[arg(long, env = "PRESALE_DEFAULT_SOURCE", default_value = "OpenTelemetry", value_parser = word::<SignalSource>, value_name = "SOURCE")]
    pub(crate) default_source: SignalSource,
    /// Default of scaling.forecast.trust: Earned, Always or Never
    #[arg(long, env = "PRESALE_DEFAULT_TRUST", default_value = "Earned", value_parser = word::<Trust>, value_name = "TRUST")]
    pub(crate) default_trust: Trust,
    /// Default of scaling.forecast.horizon
    #[arg(long, env = "PRESALE_DEFAULT_HORIZON", default_value = "24h", value_parser = at_least_an_hour, value_name = "DURATION")]
    pub(crate) default_horizon: SignedDuration,
    /// Default of scaling.forecast.lookback
    #[arg(long, env = "PRESALE_DEFAULT_LOOKBACK", default_value = "672h", value_parser = at_least_an_hour, value_name = "DURATION")]
    pub(crate) default_lookback: SignedDuration,
    /// Default of scaling.calendar.timeZone
    #[arg(long, env = "PRESALE_DEFAULT_TIME_ZONE", default_value = "UTC", value_name = "ZONE")]
    pub(crate) default_time_zone: String,
    /// How long a count that a person set by kubectl is held as a floor where scaling.behavior states no window
    #[arg(long, env = "PRESALE_DEFAULT_HAND_HOLD", default_value = "5m", value_parser = at_least_a_second, value_name = "DURATION")]
    pub(crate) default_hand_hold: SignedDuration,
}

impl DefaultsConfig {
    /// As the conversion of a `ShopService` takes them.
    pub(crate) fn convert(&self) -> Defaults {
        let Self {
            default_mode,
            default_tier,
            default_source,
            default_trust,
            default_horizon,
            default_lookback,
            default_time_zone,
            default_hand_hold,
        } = self;
        Defaults {
            mode: *default_mode,
            tier: *default_tier,
            source: *default_source,
            trust: *default_trust,
            horizon: *default_horizon,
            lookback: *default_lookback,
            time_zone: default_time_zone.clone(),
            hand_hold: *default_hand_hold,
        }
    }

    pub(super) fn describe(&self) -> Vec<(&'static str, String)> {
        let Defaults { mode, tier, source, trust, horizon, lookback, time_zone, hand_hold } = self.convert();
        vec![
            ("default-mode", format!("{mode:?}")),
            ("default-tier", format!("{tier:?}")),
            ("default-source", format!("{source:?}")),
            ("default-trust", format!("{trust:?}")),
            ("default-horizon", format!("{horizon:#}")),
            ("default-lookback", format!("{lookback:#}")),
            ("default-time-zone", time_zone),
            ("default-hand-hold", format!("{hand_hold:#}")),
        ]
    }
}

fn at_least_an_hour(text: &str) -> Result<SignedDuration, String> {
    at_least(text, SignedDuration::from_hours(1))
}

/// A word of the API, such as Critical.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    T::deserialize(StrDeserializer::<WordError>::new(text)).map_err(|error| error.to_string())
}

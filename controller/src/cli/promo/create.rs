//! `presale promo create`: a promotion from a few flags, checked by the API server.

use jiff::tz::TimeZoneDatabase;
use jiff::{SignedDuration, Timestamp};
use kube::Api;
use kube::api::PostParams;
use presale_crds::PromotionEvent;
use serde_json::{Value, json};

use crate::cli::exit::say;
use crate::cli::reach::{Place, about};
use crate::clock::wall_clock;

/// Arguments of `presale promo create`.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Name of the promotion
    name: String,
    /// Services that it reaches; may be repeated
    #[arg(short, long = "service", required = true, value_name = "NAME")]
    services: Vec<String>,
    /// Start: local wall time such as 2026-11-27T20:00:00, or how soon, such as "in 2m"
    #[arg(long, value_name = "TIME")]
    start: String,
    /// How long it lasts
    #[arg(long, default_value = "1h", value_name = "DURATION")]
    duration: String,
    /// Zone of the wall time
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    time_zone: String,
    /// How many times the usual load: "4", or low, likely and high as "2,4,8"
    #[arg(long, value_name = "RATIO")]
    uplift: Option<String>,
    /// Fewest replicas per service while it runs
    #[arg(long, value_name = "N")]
    floor: Option<u32>,
    /// Most replicas per service while it runs
    #[arg(long, value_name = "N")]
    ceiling: Option<u32>,
    /// Kind; what is learned is pooled by it
    #[arg(long, default_value = "FlashSale", value_name = "WORD")]
    kind: String,
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// How it repeats, such as FREQ=WEEKLY;BYDAY=FR
    #[arg(long, value_name = "RRULE")]
    recurrence: Option<String>,
    /// How long before the start all capacity is Ready
    #[arg(long, value_name = "DURATION")]
    ready_before: Option<String>,
    /// Nothing happens before `presale promo approve`
    #[arg(long)]
    approval: bool,
    #[command(flatten)]
    place: Place,
}

/// Creates it.
///
/// # Errors
/// For a time or ratio that makes no sense, or with the API server's words.
pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let event: PromotionEvent = serde_json::from_value(manifest(&args, wall_clock())?)?;
    let (client, namespace) = args.place.connect().await?;
    let events: Api<PromotionEvent> = Api::namespaced(client, &namespace);
    let params = PostParams { field_manager: Some("presale-cli".to_owned()), ..PostParams::default() };
    let made = events.create(&params, &event).await.map_err(|e| about("PromotionEvent", &namespace, &args.name, e))?;
    let schedule = &made.spec.schedule;
    say(format!(
        "{} starts {} {}; see `presale promo plan {}`",
        args.name, schedule.start, schedule.time_zone, args.name
    ));
    Ok(())
}

fn manifest(args: &Args, now: Timestamp) -> anyhow::Result<Value> {
    let uplift = args.uplift.as_deref().map(range).transpose()?;
    let target = |service: &String| {
        present(json!({
            "service": service, "expectedUplift": uplift, "floor": args.floor, "ceiling": args.ceiling,
        }))
    };
    let spec = present(json!({
        "title": args.title,
        "kind": args.kind,
        "schedule": present(json!({
            "timeZone": args.time_zone,
            "start": start(&args.start, &args.time_zone, now)?,
            "duration": args.duration,
            "recurrence": args.recurrence,
        })),
        "targets": args.services.iter().map(target).collect::<Vec<_>>(),
        "preScale": args.ready_before.as_ref().map(|before| json!({"readyBefore": before})),
        "approval": args.approval.then(|| json!({"required": true})),
    }));
    Ok(json!({
        "apiVersion": "presale.dev/v1alpha1", "kind": "PromotionEvent",
        "metadata": {"name": args.name}, "spec": spec,
    }))
}

/// What was not said is left out.
fn present(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields.into_iter().filter(|(_, field)| !field.is_null()).collect(),
        other => other,
    }
}

/// A wall time as it is, or "in 2m" as the wall time then.
fn start(text: &str, zone: &str, now: Timestamp) -> anyhow::Result<String> {
    let Some(soon) = text.strip_prefix("in ") else { return Ok(text.to_owned()) };
    let soon: SignedDuration = soon.trim().parse()?;
    let zone = TimeZoneDatabase::bundled().get(zone)?;
    let then = now.checked_add(soon)?.to_zoned(zone);
    let offset = then.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    Ok(offset)
}

/// "4" or "2,4,8".
fn range(text: &str) -> anyhow::Result<Value> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let numbers: Vec<f64> = parts.iter().map(|part| part.parse()).collect::<Result<_, _>>()?;
    match (numbers.as_slice(), parts.as_slice()) {
        // People who name one number mean it within a quarter.
        ([likely], _) => Ok(json!({
            "low": format!("{}", round(likely * 0.8)), "likely": format!("{likely}"), "high": format!("{}", round(likely * 1.25)),
        })),
        ([_, _, _], [low, likely, high]) => Ok(json!({"low": low, "likely": likely, "high": high})),
        _ => anyhow::bail!("--uplift {text}: one number such as \"4\", or three such as \"2,4,8\" would pass"),
    }
}

fn round(ratio: f64) -> f64 {
    (ratio * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soon_is_a_wall_time_of_the_zone() {
        let now: Timestamp = "2026-11-27T18:58:00Z".parse().unwrap();
        assert_eq!(start("in 2m", "Europe/Berlin", now).unwrap(), "2026-11-27T20:00:00");
        assert_eq!(start("2026-11-27T20:00:00", "Europe/Berlin", now).unwrap(), "2026-11-27T20:00:00");
        assert!(start("in a while", "UTC", now).is_err());
    }

    #[test]
    fn one_ratio_is_a_range_around_it() {
        assert_eq!(range("4").unwrap(), json!({"low": "3.2", "likely": "4", "high": "5"}));
        assert_eq!(range("2, 4,8").unwrap(), json!({"low": "2", "likely": "4", "high": "8"}));
        assert!(range("2,4").unwrap_err().to_string().contains("would pass"));
    }
}

//! `presale promo create`: a promotion from a line of arguments.

use std::process::ExitCode;

use anyhow::Context;
use clap::builder::NonEmptyStringValueParser;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use kube::Api;
use kube::api::PostParams;
use presale_crds::PromotionEvent;
use serde_json::json;

use super::named;
use crate::cli::cluster::{Cluster, refusal};
use crate::cli::exit::say;
use crate::cli::output::Output;

/// Arguments of `presale promo create`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Name of the promotion
    name: String,
    /// Services that it reaches, separated by commas
    #[arg(long = "service", required = true, value_delimiter = ',', value_parser = NonEmptyStringValueParser::new(), value_name = "SHOP")]
    services: Vec<String>,
    /// How much more load it brings, as a range: 4, or low..high, or low..likely..high; 1 means none
    #[arg(long, value_name = "RATIO")]
    uplift: Option<String>,
    /// Local wall time of the start, such as 2026-11-27T20:00:00, or from now, such as +10m
    #[arg(long, value_name = "TIME")]
    start: String,
    /// How long it lasts
    #[arg(long, value_name = "DURATION")]
    duration: String,
    /// IANA zone of the wall time
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    time_zone: String,
    /// Kind; what is learned about uplift is pooled by it
    #[arg(long, default_value = "Campaign", value_name = "KIND")]
    kind: String,
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// How long before the start all capacity must be Ready
    #[arg(long, value_name = "DURATION")]
    ready_before: Option<String>,
    /// How it repeats, such as FREQ=WEEKLY;BYDAY=FR
    #[arg(long, value_name = "RRULE")]
    recurrence: Option<String>,
    /// Fewest replicas of each service while it runs
    #[arg(long, value_name = "N")]
    floor: Option<u32>,
    /// Most replicas of each service while it runs
    #[arg(long, value_name = "N")]
    ceiling: Option<u32>,
    /// Nothing happens before somebody approves
    #[arg(long)]
    needs_approval: bool,
    /// Show what would be created, and create nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    cluster: Cluster,
}

/// Creates the promotion; the API server checks every field.
///
/// # Errors
/// When the arguments make no promotion, or the API server refuses it.
#[expect(clippy::disallowed_methods, reason = "`--start +10m` is relative to the one clock reading of this command")]
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let promotion = promotion(&args, Timestamp::now())?;
    let (client, namespace) = args.cluster.connect().await?;
    let promotions: Api<PromotionEvent> = Api::namespaced(client, &namespace);
    let params = PostParams { dry_run: args.dry_run, field_manager: Some("presale-cli".to_owned()) };
    let created = promotions.create(&params, &promotion).await;
    let created = created.map_err(|error| refusal(error, &named(&namespace, &args.name)))?;
    args.output.print(&created, |p| {
        let schedule = &p.spec.schedule;
        let verb = if args.dry_run { "would be scheduled" } else { "is scheduled" };
        format!("{} {verb} for {} {} ({})\n", args.name, schedule.start, schedule.time_zone, schedule.duration.0)
    })?;
    if !args.dry_run {
        say(format!("see its plan: presale promo plan {} -n {namespace}", args.name));
    }
    Ok(ExitCode::SUCCESS)
}

fn promotion(args: &Args, now: Timestamp) -> anyhow::Result<PromotionEvent> {
    let uplift = args.uplift.as_deref().map(range).transpose()?;
    let target = |service: &String| {
        let mut target = json!({"service": service});
        if let Some([low, likely, high]) = &uplift {
            target["expectedUplift"] = json!({"low": low, "likely": likely, "high": high});
        }
        if let Some(floor) = args.floor {
            target["floor"] = json!(floor);
        }
        if let Some(ceiling) = args.ceiling {
            target["ceiling"] = json!(ceiling);
        }
        target
    };
    let mut spec = json!({
        "kind": args.kind,
        "schedule": {"timeZone": args.time_zone, "start": start(&args.start, &args.time_zone, now)?, "duration": args.duration},
        "targets": args.services.iter().map(target).collect::<Vec<_>>(),
    });
    if let Some(title) = &args.title {
        spec["title"] = json!(title);
    }
    if let Some(rule) = &args.recurrence {
        spec["schedule"]["recurrence"] = json!(rule);
    }
    if let Some(before) = &args.ready_before {
        spec["preScale"] = json!({"readyBefore": before});
    }
    if args.needs_approval {
        spec["approval"] = json!({"required": true});
    }
    let object = json!({
        "apiVersion": "presale.dev/v1alpha1", "kind": "PromotionEvent", "metadata": {"name": args.name}, "spec": spec,
    });
    serde_json::from_value(object).context("the arguments make no promotion")
}

/// `4`, `2..8` or `2..4..8` as low, likely, high.
fn range(text: &str) -> anyhow::Result<[String; 3]> {
    let parts: Vec<&str> = text.split("..").map(str::trim).collect();
    let number = |part: &str| -> anyhow::Result<f64> {
        let value: f64 =
            part.parse().with_context(|| format!("--uplift {text}: {part:?} is no number; 2..4..8 would pass"))?;
        anyhow::ensure!(
            value.is_finite() && value > 0.0,
            "--uplift {text}: ratios above 0 would pass, such as 2..4..8"
        );
        Ok(value)
    };
    let [low, likely, high] = match parts.as_slice() {
        [likely] => [number(likely)?; 3],
        [low, high] => [number(low)?, (number(low)? * number(high)?).sqrt(), number(high)?],
        [low, likely, high] => [number(low)?, number(likely)?, number(high)?],
        _ => anyhow::bail!("--uplift {text}: 4, 2..8 or 2..4..8 would pass"),
    };
    let shown = |value: f64| ((value * 1000.0).round() / 1000.0).to_string();
    Ok([shown(low), shown(likely), shown(high)])
}

/// A wall time as it is, or `+10m` as the wall time so long from `now` in the zone.
fn start(text: &str, zone: &str, now: Timestamp) -> anyhow::Result<String> {
    let Some(ahead) = text.strip_prefix('+') else { return Ok(text.to_owned()) };
    let ahead: SignedDuration =
        ahead.parse().with_context(|| format!("--start {text}: a duration such as +10m would pass"))?;
    let zone = TimeZone::get(zone)
        .with_context(|| format!("--time-zone {zone}: an IANA zone such as Europe/Berlin would pass"))?;
    let at = now.checked_add(ahead).context("--start lies beyond the calendar")?.to_zoned(zone);
    Ok(at.strftime("%Y-%m-%dT%H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uplift_is_a_number_or_a_range() {
        assert_eq!(range("4").unwrap(), ["4", "4", "4"]);
        assert_eq!(range("2..8").unwrap(), ["2", "4", "8"]);
        assert_eq!(range("2..3..8").unwrap(), ["2", "3", "8"]);
        assert!(range("two").unwrap_err().to_string().contains("2..4..8"));
        assert!(range("-1").is_err());
    }

    #[test]
    fn a_start_from_now_is_wall_time_in_the_zone() {
        let now: Timestamp = "2026-11-27T18:50:00Z".parse().unwrap();
        assert_eq!(start("+10m", "Europe/Berlin", now).unwrap(), "2026-11-27T20:00:00");
        assert_eq!(start("2026-11-27T20:00:00", "Europe/Berlin", now).unwrap(), "2026-11-27T20:00:00");
        assert!(start("+soon", "UTC", now).is_err());
        assert!(start("+1m", "Mars/Olympus", now).is_err());
    }
}

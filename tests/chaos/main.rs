//! kill -9 of the operator, the API server and Prometheus at random moments around promotions: replicas never fall while
//! something is down, and capacity is Ready before every start.

mod cast;
mod dice;
#[path = "../control_plane/operator/harness.rs"]
#[expect(dead_code, reason = "the process tests use more of it")]
mod harness;
mod round;

use anyhow::Context;

use cast::Cast;
use dice::Dice;

/// Kills of one round: each part once.
const PER_ROUND: u64 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn replicas_never_fall_and_capacity_is_there_on_time_whatever_is_killed() -> anyhow::Result<()> {
    let clock = u64::try_from(harness::jiff_now().as_second())?;
    let (kills, seed) = (setting("CHAOS_KILLS", 20)?, setting("CHAOS_SEED", clock)?);
    println!("{kills} kills; the same again: CHAOS_KILLS={kills} CHAOS_SEED={seed}");
    let (mut dice, mut cast) = (Dice::new(seed), Cast::enter().await?);
    let rounds = kills.div_ceil(PER_ROUND);
    for round in 0..rounds {
        let of_this = PER_ROUND.min(kills - round * PER_ROUND);
        let told = round::play(&mut cast, round, of_this, &mut dice).await;
        println!("round {} of {rounds}: {}", round + 1, told.with_context(|| format!("CHAOS_SEED={seed}"))?);
    }
    cast.leave().await
}

/// A number from the environment: how a make target says how many and which.
#[expect(clippy::disallowed_methods, reason = "the composition root of this suite")]
fn setting(name: &str, default: u64) -> anyhow::Result<u64> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name}={text}: a whole number would pass")),
        Err(_) => Ok(default),
    }
}

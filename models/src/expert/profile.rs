//! The usual load of this time of week, plain or moved by how the present differs from it.

use super::Ask;

/// The usual load.
pub(crate) fn plain(ask: &Ask) -> f64 {
    ask.there.blend
}

/// What the nowcast regresses on: the present distance from the profile, at three speeds.
pub(crate) fn nowcast_features(ask: &Ask) -> [f64; 3] {
    let r = &ask.state.residual;
    [r[0], r[2] - r[0], r[4] - r[2]]
}

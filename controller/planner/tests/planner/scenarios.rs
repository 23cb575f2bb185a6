//! Scenarios: each script in `tests/scenarios` is played, and what was decided is compared with what is recorded beside it.
//!
//! `INSTA_UPDATE=always cargo test -p presale-planner scenarios` records anew; read the difference before committing it.

use crate::script::Script;

macro_rules! scenario {
    ($($name:ident),* $(,)?) => { $(
        #[test]
        fn $name() {
            let script = include_str!(concat!("../scenarios/", stringify!($name), ".txt"));
            let mut settings = insta::Settings::clone_current();
            settings.set_snapshot_path("../scenarios");
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings.bind(|| insta::assert_snapshot!(stringify!($name), Script::parse(script).play()));
        }
    )* };
}

scenario!(
    a_daily_rise_is_met_by_the_forecast_alone,
    a_surprise_is_met_by_the_net,
    a_promotion_stands_ready_before_it_starts,
    a_promotion_is_served_although_prometheus_is_gone,
    an_operator_that_just_started_lowers_nothing_at_once,
    a_count_set_by_hand_is_held_for_a_while,
    step_limits_and_windows_slow_both_ways,
    a_recommendation_is_shown_and_not_written,
    a_burst_is_met_by_the_warm_reserve,
);

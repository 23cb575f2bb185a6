//! The simulated plant, faithful baselines, the oracle and the report that prove the planner on recorded traffic.

pub mod trace;

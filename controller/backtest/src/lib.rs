//! The simulated plant, faithful baselines, the oracle and the report that prove the planner on recorded traffic.
//!
//! ```text
//! Trace --cut--> Scenario --run(policy)--> Outcome --relate(oracle)--> report
//! ```
//! The policy named `presale` is the operator's own model and decision; nothing here decides in their stead.

pub mod baseline;
pub mod contest;
pub mod forecast;
pub mod generated;
pub mod outcome;
pub mod plant;
pub mod policy;
pub mod presale;
pub mod report;
pub mod rush;
pub mod rush_contest;
pub mod rush_coverage;
pub mod rush_verdict;
pub mod simulate;
pub mod trace;
pub mod warm;
mod warm_run;

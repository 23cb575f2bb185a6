//! Development loop: races policies over traces and prints a line each.
use presale_backtest::{
    contest::Contest,
    plant::Plant,
    simulate::Scenario,
    trace::{Trace, read_events},
};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let only: Vec<String> = a[1].split(',').filter(|s| !s.is_empty()).map(Into::into).collect();
    let sweep = a[2] == "sweep";
    let lead: f64 = a[3].parse().unwrap();
    for path in &a[4..] {
        let path = std::path::Path::new(path);
        let trace = Trace::read(path).unwrap();
        let ev = path.with_file_name(format!("{}.events.csv", trace.name));
        let events = if ev.exists() { read_events(&ev).unwrap() } else { vec![] };
        let plant = Plant { lead_seconds: lead, ..Plant::default() };
        let t = std::time::Instant::now();
        let Some(s) = Scenario::cut(&trace, events, plant, 14.0, 1) else { continue };
        let contest = Contest { only: only.clone(), sweep, ..Contest::default() };
        for o in contest.run(&s, &|_| (), &|_, _, _| ()) {
            println!(
                "{:28} {:20} {:32} rh/o {:.3} unserved {:.5} viol-min {:.4} viol-req {:.5} act/d {:.0} step {}",
                trace.name,
                o.policy,
                o.setting,
                o.oracle_ratio,
                o.unserved_ratio,
                o.violation_minutes_ratio,
                o.violated_requests_ratio,
                o.actions_per_day,
                o.max_step
            );
        }
        eprintln!("{} {:.1} s", trace.name, t.elapsed().as_secs_f64());
    }
}

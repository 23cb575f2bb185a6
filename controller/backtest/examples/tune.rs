//! Development loop: forecasts every trace of a protocol file into a folder, for the external scorer.
use jiff::SignedDuration;
use presale_backtest::trace::{Trace, read_events};
use presale_models::{Level, PredictRequest, ServiceModel, ServiceModelConfig, Target};
use std::io::Write;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let (plan, dir, out) = (&a[1], &a[2], &a[3]);
    let only = a.get(4).cloned().unwrap_or_default();
    let plan: serde_json::Value = serde_json::from_reader(std::fs::File::open(plan).unwrap()).unwrap();
    std::fs::create_dir_all(out).unwrap();
    let mut fit = 0.0;
    let mut fits = 0;
    for (name, p) in plan["traces"].as_object().unwrap() {
        if !name.contains(&only) || name.starts_with("dc-") {
            continue;
        }
        let path = std::path::Path::new(dir).join(p["file"].as_str().unwrap());
        let trace = Trace::read(&path).unwrap();
        let ev = std::path::Path::new(dir).join(format!("{name}.events.csv"));
        let events = if ev.exists() { read_events(&ev).unwrap() } else { vec![] };
        let step = p["step_seconds"].as_i64().unwrap();
        let mut file = std::io::BufWriter::new(std::fs::File::create(format!("{out}/{name}.jsonl")).unwrap());
        for o in p["origins"].as_array().unwrap() {
            let origin: jiff::Timestamp = o.as_str().unwrap().parse().unwrap();
            let grid = trace.on_grid(step, Some(origin));
            let recent = if trace.step <= 60 && step >= 300 {
                trace.on_grid(60, Some(origin))
            } else {
                trace.on_grid(60, Some(trace.start()))
            };
            let recent = {
                let n = recent.len().saturating_sub(2880);
                presale_models::Series::new(
                    recent.start() + SignedDuration::from_secs(60 * n as i64),
                    SignedDuration::from_secs(60),
                    recent.samples()[n..].to_vec(),
                )
                .unwrap()
            };
            let known: Vec<_> = events.iter().filter(|e| e.known_from <= origin).cloned().collect();
            let config = ServiceModelConfig {
                time_zone: "UTC".into(),
                country: None,
                lead_time: SignedDuration::from_mins(3),
                hold: SignedDuration::from_mins(5),
                seed: 1,
            };
            let t = std::time::Instant::now();
            let model = ServiceModel::train(&grid, &recent, &known, &config).unwrap();
            fit += t.elapsed().as_secs_f64();
            fits += 1;
            let f = model
                .predict(&PredictRequest {
                    origin,
                    step: SignedDuration::from_secs(step),
                    steps: p["horizon_steps"].as_u64().unwrap() as usize,
                    target: Target::Point,
                })
                .unwrap();
            let levels = [0.1, 0.5, 0.8, 0.9, 0.95, 0.99];
            let rows: Vec<Vec<f64>> = (0..f.rows().len())
                .map(|i| levels.iter().map(|l| f.value(i, Level::new(*l).unwrap()).unwrap()).collect())
                .collect();
            writeln!(
                file,
                "{}",
                serde_json::json!({"origin": o, "step_seconds": step, "levels": levels, "rows": rows, "actual": []})
            )
            .unwrap();
        }
    }
    println!("fit {:.1} ms mean of {fits}", fit / fits as f64 * 1e3);
}

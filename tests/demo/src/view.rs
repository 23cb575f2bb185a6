//! The play as a person watches it: a live view on a terminal, a line every five seconds elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::DefaultTerminal;
use ratatui::Frame as Canvas;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType, LegendPosition, Paragraph, Wrap};

use crate::records::Seconds;
use crate::scenario::{MAXIMUM, SLO, Schedule};
use crate::verdict::Story;
use crate::watch::{Frame, Staffed};
use crate::whole;

/// Time that the charts reach back, seconds.
const BACK: i64 = 240;

/// A line for people, on standard error; a display that fails is no reason to stop.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Shows the play.
#[derive(Debug)]
pub(crate) struct View {
    schedule: Schedule,
    terminal: Option<DefaultTerminal>,
}

impl View {
    /// Takes the terminal over, if there is one.
    pub(crate) fn open(schedule: Schedule, plain: bool) -> anyhow::Result<Self> {
        let live = !plain && std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
        Ok(Self { schedule, terminal: if live { Some(ratatui::try_init()?) } else { None } })
    }

    /// Whether q or Ctrl-C was pressed: a terminal that was taken over gives no signal.
    pub(crate) fn wants_to_end(&self) -> anyhow::Result<bool> {
        while self.terminal.is_some() && event::poll(Duration::ZERO)? {
            if let Event::Key(key) = event::read()? {
                let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
                if control_c || key.code == KeyCode::Char('q') {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Shows what is known by now.
    pub(crate) fn show(&mut self, frames: &[Frame], seconds: &Seconds, story: &Story) -> anyhow::Result<()> {
        let Some(frame) = frames.last() else { return Ok(()) };
        match &mut self.terminal {
            Some(terminal) => {
                let schedule = self.schedule;
                terminal.draw(|canvas| draw(canvas, &schedule, frames, seconds, story))?;
            }
            None if frame.at % 5 == 0 => line(&in_a_line(&self.schedule, frame, seconds)),
            None => {}
        }
        Ok(())
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if self.terminal.take().is_some() {
            ratatui::restore();
        }
    }
}

/// The newest second that both sides have settled.
fn newest_p99(seconds: &Seconds) -> [Option<f64>; 2] {
    let both = seconds.values().rev().find_map(|[a, b]| a.zip(*b));
    both.map_or([None, None], |(presale, twin)| [presale.p99_ms, twin.p99_ms])
}

fn in_a_line(schedule: &Schedule, frame: &Frame, seconds: &Seconds) -> String {
    let count = |count: Option<u32>| count.map_or("?".to_owned(), |count| count.to_string());
    let ms = |p99: Option<f64>| p99.map_or("-".to_owned(), |ms| format!("{ms:.0}"));
    let [presale, twin] = newest_p99(seconds);
    let number = |value: Option<f64>| value.map_or("?".to_owned(), |value| format!("{value:.0}"));
    let band = frame.band.map_or("none".to_owned(), |[low, middle, high]| format!("{low:.0} {middle:.0} {high:.0}"));
    let decision = frame.decision.as_ref().map_or("none yet".to_owned(), |d| format!("{} {}", d.desired, d.reason));
    format!(
        "{} {:<10} load {:>4} forecast {band:<12} | Presale {}/{} ready p99 {:>5} ms, decided {decision}{} | HPA {}/{} \
         ready p99 {:>5} ms | whole shop {} | idle {:.0} %",
        Schedule::clock(frame.at),
        now_playing(schedule, frame.at),
        number(frame.load),
        count(frame.ready[0]),
        count(frame.pods[0]),
        ms(presale),
        frame.next.as_ref().map(|next| format!(", next {next}")).unwrap_or_default(),
        count(frame.ready[1]),
        count(frame.pods[1]),
        ms(twin),
        shop_in_short(frame),
        frame.idle * 100.0
    )
}

/// How many services of the whole shop have what was decided, and how many pods that is.
fn shop_in_short(frame: &Frame) -> String {
    let Some(shop) = &frame.shop else { return "?".to_owned() };
    let services = shop.iter().filter(|service| service.is_ready()).count();
    let pods = |of: fn(&Staffed) -> u32| shop.iter().map(of).sum::<u32>();
    let (ready, desired) = (pods(|service| service.ready), pods(|service| service.desired));
    format!("{services}/{} services, {ready}/{desired} pods ready", whole::SERVICES)
}

fn now_playing(schedule: &Schedule, at: i64) -> &'static str {
    let within = |from: i64, to: i64| (from..to).contains(&at);
    if within(schedule.fault, schedule.fault_over) {
        "sick pod"
    } else if within(schedule.rise, schedule.fall) {
        "rise"
    } else if within(schedule.promotion, schedule.promotion_over) {
        "promotion"
    } else if within(schedule.announced, schedule.promotion) {
        "announced"
    } else {
        "calm"
    }
}

fn draw(canvas: &mut Canvas<'_>, schedule: &Schedule, frames: &[Frame], seconds: &Seconds, story: &Story) {
    let rows = Layout::vertical([
        Constraint::Length(3),
        Constraint::Percentage(32),
        Constraint::Percentage(24),
        Constraint::Min(6),
        Constraint::Length(8),
    ]);
    let [head, load, replicas, latency, foot] = rows.areas(canvas.area());
    let Some(frame) = frames.last() else { return };
    canvas.render_widget(headline(schedule, frame), head);
    let since = frame.at - BACK;
    let recent: Vec<&Frame> = frames.iter().filter(|frame| frame.at >= since).collect();
    let of = |value: &dyn Fn(&Frame) -> Option<f64>| points(recent.iter().map(|f| (f.at, value(f))), since);
    let p99 = |side: usize| {
        let capped = |ms: f64| ms.min(SLO.as_secs_f64() * 4_000.0);
        points(seconds.range(since..).map(|(at, sides)| (*at, sides[side].and_then(|s| s.p99_ms).map(capped))), since)
    };
    let limit = SLO.as_secs_f64() * 1000.0;
    plot(
        canvas,
        load,
        " load and forecast, requests/s ",
        &[
            ("forecast 2.5 %", Color::DarkGray, of(&|f| f.band.map(|band| band[0]))),
            ("forecast 97.5 %", Color::DarkGray, of(&|f| f.band.map(|band| band[2]))),
            ("median", Color::Blue, of(&|f| f.band.map(|band| band[1]))),
            ("load", Color::Green, of(&|f| f.load)),
        ],
        None,
    );
    plot(
        canvas,
        replicas,
        " Ready pods ",
        &[
            ("HPA twin", Color::Yellow, of(&|f| f.ready[1].map(f64::from))),
            ("Presale", Color::Cyan, of(&|f| f.ready[0].map(f64::from))),
        ],
        Some(f64::from(MAXIMUM)),
    );
    plot(
        canvas,
        latency,
        " p99 of each second, ms ",
        &[
            ("objective", Color::Red, vec![(0.0, limit), (BACK as f64, limit)]),
            ("HPA twin", Color::Yellow, p99(1)),
            ("Presale", Color::Cyan, p99(0)),
        ],
        None,
    );
    canvas.render_widget(words(frame, story), foot);
}

fn headline(schedule: &Schedule, frame: &Frame) -> Paragraph<'static> {
    let (act, at) = (now_playing(schedule, frame.at), Schedule::clock(frame.at));
    let ahead = [
        (schedule.rise, "daily rise"),
        (schedule.announced, "promo create"),
        (schedule.promotion, "promotion"),
        (schedule.fault, "sick pod"),
        (schedule.close, "the end"),
    ];
    let next = ahead.into_iter().filter(|(when, _)| *when > frame.at).min();
    let next = next.map(|(when, what)| format!("   in {} s: {what}", when - frame.at)).unwrap_or_default();
    let idle = format!("   machine {:.0} % idle   q ends", frame.idle * 100.0);
    let line = Line::from(vec![at.bold(), "  now: ".into(), act.bold().cyan(), next.into(), idle.dark_gray()]);
    Paragraph::new(line).block(Block::bordered().title(" Presale beside an HPA "))
}

fn words(frame: &Frame, story: &Story) -> Paragraph<'static> {
    let mut lines = Vec::new();
    if let Some(decision) = &frame.decision {
        let next = frame.next.as_ref().map(|next| format!("   next: {next}")).unwrap_or_default();
        lines.push(Line::from(format!("{}: {}{next}", decision.reason, decision.message)));
    }
    if let Some((phase, peak)) = &frame.promotion {
        let peak = peak.map(|peak| format!(", {peak} replicas planned")).unwrap_or_default();
        lines.push(Line::from(format!("promotion flash: {phase}{peak}")));
    }
    if let Some((pod, since)) = &story.sick {
        let state = match (story.evicted, story.healed) {
            (_, Some(healed)) => format!("replaced after {} s", healed - since),
            (Some(evicted), None) => format!("evicted after {} s", evicted - since),
            (None, None) => format!("sick for {} s", frame.at - since),
        };
        lines.push(Line::from(format!("{pod}: CPU cut to a fifth, {state}")));
    }
    let shop = frame.shop.iter().flatten();
    // Name and count stay in one line: a space that does not break.
    let each = shop.map(|one| format!("{}\u{a0}{}/{}", one.service, one.ready, one.desired)).collect::<Vec<_>>();
    lines.push(Line::from(format!("whole shop, Ready/decided: {}", each.join("  "))));
    if story.whole.ready.iter().any(Option::is_some) {
        lines.push(Line::from(format!("Ready before its promotion: {}", whole::each(&story.whole.ready))));
    }
    Paragraph::new(lines).wrap(Wrap { trim: true }).block(Block::bordered().title(" why "))
}

/// Points as the chart wants them: seconds since the left edge.
fn points(series: impl Iterator<Item = (i64, Option<f64>)>, since: i64) -> Vec<(f64, f64)> {
    series.filter_map(|(at, value)| Some(((at - since) as f64, value?))).collect()
}

/// Name, colour and points of one line.
type Curve = (&'static str, Color, Vec<(f64, f64)>);

fn plot(canvas: &mut Canvas<'_>, area: Rect, title: &'static str, lines: &[Curve], top: Option<f64>) {
    let highest = lines.iter().flat_map(|(_, _, points)| points.iter().map(|(_, y)| *y)).fold(1.0, f64::max);
    let top = top.unwrap_or(highest * 1.1);
    let sets = lines.iter().map(|(name, color, points)| {
        let set = Dataset::default().name(*name).marker(Marker::Braille).graph_type(GraphType::Line);
        set.style(Style::default().fg(*color)).data(points)
    });
    let time = Axis::default().bounds([0.0, BACK as f64]).labels([format!("-{BACK} s"), "now".to_owned()]);
    let value =
        Axis::default().bounds([0.0, top]).labels(["0".to_owned(), format!("{:.0}", top / 2.0), format!("{top:.0}")]);
    // Without a legend nobody knows the colours: it is shown however little room there is.
    let always = (Constraint::Percentage(100), Constraint::Percentage(100));
    let chart =
        Chart::new(sets.collect()).legend_position(Some(LegendPosition::TopLeft)).hidden_legend_constraints(always);
    let chart = chart.block(Block::bordered().title(title)).x_axis(time).y_axis(value);
    canvas.render_widget(chart, area);
}

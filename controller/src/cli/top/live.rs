//! The live view on a terminal: drawn anew every second, left with q, Esc or Ctrl-C.

use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::layout::Constraint;
use ratatui::style::{Color, Style};
use ratatui::widgets::{Block, Row, Table};
use ratatui::{DefaultTerminal, Frame};

use super::{HEADS, Line, Source, cells};

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// Widths of the columns.
const WIDTHS: [Constraint; 12] = [
    Constraint::Min(10),
    Constraint::Length(9),
    Constraint::Length(4),
    Constraint::Length(5),
    Constraint::Length(4),
    Constraint::Length(6),
    Constraint::Length(7),
    Constraint::Length(10),
    Constraint::Length(18),
    Constraint::Length(27),
    Constraint::Length(14),
    Constraint::Min(16),
];

/// Draws until the user leaves.
pub(super) async fn run(source: &Source) -> anyhow::Result<()> {
    let mut terminal = ratatui::try_init()?;
    let shown = show(source, &mut terminal).await;
    ratatui::try_restore()?;
    shown
}

async fn show(source: &Source, terminal: &mut DefaultTerminal) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    loop {
        let trouble = match source.lines().await {
            Ok(found) => {
                lines = found;
                String::new()
            }
            Err(error) => format!(" — {error:#}"),
        };
        let title = format!(" presale top{}{trouble} — q leaves ", source.remark());
        terminal.draw(|frame| draw(frame, &lines, &title))?;
        if tokio::task::spawn_blocking(left).await?? {
            return Ok(());
        }
    }
}

/// Waits for the next look; true if the user leaves meanwhile.
fn left() -> std::io::Result<bool> {
    if !event::poll(EVERY)? {
        return Ok(false);
    }
    let Event::Key(key) = event::read()? else { return Ok(false) };
    let interrupted = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    Ok(interrupted || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc))
}

fn draw(frame: &mut Frame<'_>, lines: &[Line], title: &str) {
    let rows = lines.iter().map(|line| Row::new(cells(line)).style(style(line)));
    let table = Table::new(rows, WIDTHS)
        .header(Row::new(HEADS).style(Style::new().bold()))
        .block(Block::bordered().title(title.to_owned()))
        .column_spacing(1);
    frame.render_widget(table, frame.area());
}

/// Yellow while pods are awaited, red where nothing is known of the load.
fn style(line: &Line) -> Style {
    let blind = line.live.as_ref().is_some_and(|live| live.load.is_none());
    if blind {
        Style::new().fg(Color::Red)
    } else if line.ready < line.desired {
        Style::new().fg(Color::Yellow)
    } else {
        Style::new()
    }
}

#[cfg(test)]
mod tests {
    use presale_crds::ReserveStatus;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    #[test]
    fn a_service_shows_with_its_promotion() {
        let line = Line {
            namespace: "shop".into(),
            name: "catalog".into(),
            mode: "Auto".into(),
            min: 2,
            max: 10,
            current: Some(4),
            ready: Some(3),
            starting: Some(1),
            reserve: Some(ReserveStatus { wanted: 3, warm: 2, shrunk: 2, deferred: 1 }),
            desired: Some(4),
            next: "9 @20:00".into(),
            reason: "Promotion".into(),
            promotion: "flash (Active)".into(),
            live: None,
        };
        let mut terminal = Terminal::new(TestBackend::new(150, 5)).unwrap();
        terminal.draw(|frame| draw(frame, &[line], " presale top ")).unwrap();
        let text: String = terminal.backend().buffer().content().iter().map(ratatui::buffer::Cell::symbol).collect();
        for word in ["NAME", "catalog", "2/3 -1", "9 @20:00", "flash (Active)"] {
            assert!(text.contains(word), "{word} is not in {text}");
        }
    }
}

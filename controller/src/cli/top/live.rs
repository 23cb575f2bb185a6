//! The live view of `presale top`: refreshed in place until `q`, Esc or Ctrl-C.

use std::time::Duration;

use anyhow::Context;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Block, Paragraph, Row as TableRow, Table, TableState, Wrap};

use super::table::{HEAD, cells};
use super::{Row, Source};

/// Shows until the user leaves.
///
/// # Errors
/// When the API server refuses at first, or the terminal cannot be drawn on.
pub(super) async fn show(source: &Source, every: Duration) -> anyhow::Result<()> {
    let mut screen = Screen { rows: Vec::new(), remark: None, table: TableState::default().with_selected(0) };
    (screen.rows, screen.remark) = source.look().await?;
    let mut terminal = ratatui::try_init().context("cannot draw on this terminal; --once prints a table")?;
    let (keys, mut pressed) = tokio::sync::mpsc::channel(16);
    std::thread::spawn(move || {
        while let Ok(event) = crossterm::event::read() {
            if keys.blocking_send(event).is_err() {
                break;
            }
        }
    });
    let mut due = tokio::time::interval(every.max(Duration::from_millis(250)));
    let shown = loop {
        if let Err(error) = terminal.draw(|frame| screen.draw(frame)) {
            break Err(error.into());
        }
        tokio::select! {
            _ = due.tick() => match source.look().await {
                Ok((rows, remark)) => (screen.rows, screen.remark) = (rows, remark),
                Err(error) => screen.remark = Some(format!("{error:#}")),
            },
            event = pressed.recv() => match event {
                Some(Event::Key(key)) if leaves(key) => break Ok(()),
                Some(Event::Key(key)) if key.code == KeyCode::Down => screen.table.select_next(),
                Some(Event::Key(key)) if key.code == KeyCode::Up => screen.table.select_previous(),
                Some(_) => {}
                None => break Ok(()),
            },
        }
    };
    ratatui::restore();
    shown
}

fn leaves(key: KeyEvent) -> bool {
    matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)
        || (key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL))
}

/// What is on the screen.
struct Screen {
    rows: Vec<Row>,
    remark: Option<String>,
    table: TableState,
}

impl Screen {
    fn draw(&mut self, frame: &mut Frame<'_>) {
        let areas =
            Layout::vertical([Constraint::Min(3), Constraint::Length(4), Constraint::Length(1)]).split(frame.area());
        let [table, why, help] = [0, 1, 2].map(|i| areas.get(i).copied().unwrap_or_default());
        let cells: Vec<[String; 12]> = self.rows.iter().map(cells).collect();
        let widths = widths(&cells);
        let rows = self.rows.iter().zip(cells).map(|(row, cells)| TableRow::new(cells).style(style(row)));
        let widget = Table::new(rows, widths)
            .header(TableRow::new(HEAD).bold())
            .row_highlight_style(Style::new().reversed())
            .block(Block::bordered().title(format!(" presale · {} services ", self.rows.len())));
        frame.render_stateful_widget(widget, table, &mut self.table);
        let chosen = self.table.selected().and_then(|i| self.rows.get(i));
        let text = chosen.map_or("", |row| row.message.as_str());
        frame
            .render_widget(Paragraph::new(text).wrap(Wrap { trim: true }).block(Block::bordered().title(" why ")), why);
        let line = match &self.remark {
            Some(remark) => Line::from(remark.as_str()).fg(Color::Yellow),
            None => Line::from("↑↓ choose · q leave").dim(),
        };
        frame.render_widget(line, help);
    }
}

/// Fewer ready pods than wanted is yellow, an unknown load red.
fn style(row: &Row) -> Style {
    match &row.live {
        Some(live) if live.load.is_none() => Style::new().fg(Color::Red),
        Some(live) if live.ready < live.desired => Style::new().fg(Color::Yellow),
        _ => Style::new(),
    }
}

fn widths(cells: &[[String; 12]]) -> [Constraint; 12] {
    let mut most = HEAD.map(|head| head.chars().count());
    for row in cells {
        for (width, cell) in most.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    most.map(|width| Constraint::Length(u16::try_from(width).unwrap_or(u16::MAX)))
}

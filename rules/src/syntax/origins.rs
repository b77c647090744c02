//! Where in the source does a place of the printed text come from?
//!
//! The engine runs the text as printed, without types and with ticks, and names places of that
//! text; a person wants the place in the file.

use super::ticks::{Piece, original};

/// Line and column, counted from 0, columns in UTF-16 units.
type Place = (u32, u32);

/// A place of the printed text and the one in the instrumented text that it was printed from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub printed: Place,
    pub source: Place,
}

/// The way back for one file.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    /// In the order of the printed text.
    marks: Vec<Mark>,
    /// The instrumented text.
    text: String,
    pieces: Vec<Piece>,
}

impl Origins {
    pub(super) fn new(marks: Vec<Mark>, text: String, pieces: Vec<Piece>) -> Self {
        Self { marks, text, pieces }
    }

    /// The offset in the file of a line and a column, counted from 1, of the printed text: the
    /// beginning of the syntax that stands there.
    pub fn of(&self, line: u32, column: u32) -> Option<u32> {
        let wanted = (line.checked_sub(1)?, column.saturating_sub(1));
        let after = self.marks.partition_point(|mark| mark.printed <= wanted);
        let (line, column) = self.marks.get(after.checked_sub(1)?)?.source;
        let start: usize = self.text.split_inclusive('\n').take(line as usize).map(str::len).sum();
        let mut units = 0;
        let within: usize = self.text[start..]
            .chars()
            .take_while(|c| {
                units += c.len_utf16() as u32;
                units <= column
            })
            .map(char::len_utf8)
            .sum();
        Some(original(&self.pieces, (start + within) as u32))
    }
}

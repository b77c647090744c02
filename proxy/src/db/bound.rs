//! How much may a statement give?
//!
//! Rows are counted as they come and before they are kept, so what a statement gives never takes
//! more memory than its bound. No statement is without one.

use super::failure::Failure;
use crate::memory;

/// What a row counts beyond its bytes.
const ROW: usize = 64;
/// What a statement of the proxy gives at most, unless it says otherwise.
const MOST: usize = 64 << 20;
/// Bytes of one page.
pub const PAGE: usize = 8 << 20;
/// Bytes of one record, which may be more than a page.
pub const RECORD: usize = 32 << 20;

/// What happens where a statement gives more than a number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// It is broken off.
    Refuse(usize),
    /// It runs to its end, since what it wrote will be committed; its rows are not kept, and the
    /// caller is told so.
    Discard(usize),
    /// One record; more is broken off.
    Record,
    /// What came before is kept, the rest is left, and a last row says so. The first row may have
    /// as many bytes as a record. For the last statement of a batch.
    Page,
}

impl Default for Bound {
    fn default() -> Self {
        Self::Refuse(MOST)
    }
}

impl Bound {
    /// The same for a statement that is committed with what it is sent with.
    pub fn committed(self) -> Self {
        match self {
            Self::Refuse(bytes) | Self::Discard(bytes) => Self::Discard(bytes),
            Self::Record | Self::Page => self,
        }
    }

    /// Bytes that may come.
    fn bytes(self) -> usize {
        match self {
            Self::Refuse(bytes) | Self::Discard(bytes) => bytes,
            Self::Record => RECORD + ROW,
            Self::Page => PAGE,
        }
    }

    /// Whether a row may be kept beside what was.
    fn allows(self, before: usize, row: usize) -> bool {
        let all = before.saturating_add(row + ROW);
        all <= self.bytes() || (self == Self::Page && before == 0 && row <= RECORD)
    }
}

/// What is to happen to the message that comes next.
#[derive(Debug)]
pub enum Verdict {
    /// It is read.
    Keep,
    /// It is a row beyond a bound of so many bytes, and is thrown away.
    Skip { bytes: usize, message: usize },
    /// It is the first row beyond a page.
    Leave,
    /// Nothing more is read.
    Stop(Failure),
}

/// What the rows of one statement weigh.
#[derive(Debug, Default)]
pub struct Weigher {
    held: usize,
    /// The row that comes next has been weighed.
    weighed: bool,
}

impl Weigher {
    /// Weighs the row that the input begins with, as soon as its length is there.
    pub fn weigh(&mut self, input: &[u8], bound: Bound) -> Verdict {
        let Some((b'D', rest)) = input.split_first() else { return Verdict::Keep };
        let Some(length) = rest.first_chunk().filter(|_| !self.weighed) else {
            return Verdict::Keep;
        };
        let row = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let fits = bound.allows(self.held, row);
        let room = if fits { memory::read(row + ROW) } else { Ok(()) };
        match bound {
            _ if fits && room.is_ok() => {
                self.held += row + ROW;
                self.weighed = true;
                Verdict::Keep
            }
            Bound::Discard(bytes) => Verdict::Skip { bytes, message: row.saturating_add(1) },
            _ if room.is_err() => Verdict::Stop(Failure::NoMemory),
            Bound::Page if self.held > 0 => Verdict::Leave,
            Bound::Record | Bound::Page => {
                Verdict::Stop(Failure::TooMuch { bytes: RECORD, committed: false })
            }
            Bound::Refuse(bytes) => Verdict::Stop(Failure::TooMuch { bytes, committed: false }),
        }
    }

    /// The row has been read.
    pub fn next(&mut self) {
        self.weighed = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_room_for_one_large_record_and_else_for_its_bytes() {
        assert!(Bound::Page.allows(0, RECORD) && !Bound::Page.allows(0, RECORD + 1));
        assert!(Bound::Page.allows(PAGE - 100, 36) && !Bound::Page.allows(PAGE - 100, 37));
        assert!(!Bound::Refuse(100).allows(0, 37), "a row counts more than its bytes");
        assert_eq!(Bound::Refuse(1).committed(), Bound::Discard(1));
    }
}

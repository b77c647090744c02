//! What can be read of a value of PostgreSQL's?
//!
//! A [`Value`] knows its type, so it is only ever read as what it is.

use pgrx::datum::{FromDatum, IntoDatum};
use pgrx::pg_sys::{self, Datum, NameData, Oid};
use std::ffi::{CStr, c_char, c_int};
use std::marker::PhantomData;

/// `DOUBLE_SHORTEST_DECIMAL_LEN`
const DOUBLE: usize = 25;

unsafe extern "C-unwind" {
    // PostgreSQL's own, which pgrx does not declare. It computes, and raises no error.
    fn double_to_shortest_decimal_buf(number: f64, text: *mut c_char) -> c_int;
}

/// A value that is not null and is there for as long as `'v`.
#[derive(Clone, Copy)]
pub struct Value<'v> {
    datum: Datum,
    kind: Oid,
    there: PhantomData<&'v ()>,
}

impl<'v> Value<'v> {
    /// # Safety
    /// The datum is of that type and stays for as long as `'v`.
    pub(super) unsafe fn new(datum: Datum, kind: Oid) -> Self {
        Self { datum, kind, there: PhantomData }
    }

    /// A text, in the memory that is current now.
    pub fn of_text(text: &str) -> Option<Self> {
        text.into_datum().map(|datum| Self { datum, kind: pg_sys::TEXTOID, there: PhantomData })
    }

    pub(super) fn datum(self) -> Datum {
        self.datum
    }

    /// Its type.
    pub fn kind(self) -> Oid {
        self.kind
    }

    fn read<T: FromDatum>(self, kind: Oid) -> Option<T> {
        // SAFETY: it is of that type; callers name the Rust type that belongs to it.
        (self.kind == kind).then(|| unsafe { T::from_datum(self.datum, false) }).flatten()
    }

    /// A `text`, or a `json` as it was written; nothing where it is something else. So with the
    /// others.
    pub fn text(self) -> Option<&'v str> {
        let kind = if self.kind == pg_sys::JSONOID { self.kind } else { pg_sys::TEXTOID };
        self.read(kind)
    }

    /// A `text[]`.
    pub fn texts(self) -> Option<Vec<Option<String>>> {
        self.read(pg_sys::TEXTARRAYOID)
    }

    /// A `bigint`.
    pub fn bigint(self) -> Option<i64> {
        self.read(pg_sys::INT8OID)
    }

    /// A `boolean`.
    pub fn boolean(self) -> Option<bool> {
        self.read(pg_sys::BOOLOID)
    }

    /// A `double precision`.
    pub fn float(self) -> Option<f64> {
        self.read(pg_sys::FLOAT8OID)
    }

    /// A `double precision` as the shortest text that is the same number, whatever
    /// `extra_float_digits` is.
    pub fn shortest(self) -> Option<String> {
        let number = self.float()?;
        let mut text = [0; DOUBLE];
        // SAFETY: the buffer is as long as the longest such text, which is NUL-terminated.
        let text = unsafe {
            double_to_shortest_decimal_buf(number, text.as_mut_ptr());
            CStr::from_ptr(text.as_ptr())
        };
        text.to_str().ok().map(str::to_owned)
    }

    /// A `jsonb` as PostgreSQL prints it.
    pub fn printed(self) -> Option<&'v str> {
        if self.kind != pg_sys::JSONBOID {
            return None;
        }
        let (print, value) = (pg_sys::jsonb_out, [Some(self.datum)]);
        // SAFETY: the output function of the value's type.
        let text = unsafe { pgrx::direct_function_call::<&CStr>(print, &value) };
        text.and_then(|text| text.to_str().ok())
    }

    /// A `timestamptz` in UTC, by a format of `to_char`; nothing for an infinite one.
    pub fn timestamp(self, format: &str) -> Option<&'v str> {
        let arguments = [Some(self.datum), format.into_datum()];
        let is_one = self.kind == pg_sys::TIMESTAMPTZOID;
        // SAFETY: a timestamptz is a timestamp in UTC, which the function takes with a text.
        let print = || unsafe { pgrx::direct_function_call(pg_sys::timestamp_to_char, &arguments) };
        is_one.then(print).flatten()
    }

    /// The microseconds since 2000 of a `timestamptz`, the infinities being the least and the
    /// greatest number.
    pub fn microseconds(self) -> Option<i64> {
        // It consists of them, as a `bigint` does.
        let is_one = self.kind == pg_sys::TIMESTAMPTZOID;
        is_one.then(|| Self { kind: pg_sys::INT8OID, ..self }.bigint()).flatten()
    }

    /// What the text says in that type, in the memory that is current now.
    pub fn parse(text: &CStr, kind: Oid, modifier: i32) -> Self {
        let (mut input, mut parameter) = (Oid::INVALID, Oid::INVALID);
        // SAFETY: a type's own input function takes text; it may fail, but not go wrong.
        unsafe {
            pg_sys::getTypeInputInfo(kind, &mut input, &mut parameter);
            let text = text.as_ptr().cast_mut();
            Self::new(pg_sys::OidInputFunctionCall(input, text, parameter, modifier), kind)
        }
    }

    /// A copy with nothing stored elsewhere, in the memory that is current now.
    pub(super) fn copied<'c>(self) -> Value<'c> {
        let (mut length, mut by_value) = (0, false);
        // SAFETY: what has no fixed length is a `varlena`, of which this makes a plain copy.
        unsafe {
            pg_sys::get_typlenbyval(self.kind, &mut length, &mut by_value);
            let datum = match length {
                -1 => Datum::from(pg_sys::pg_detoast_datum_copy(self.datum.cast_mut_ptr())),
                _ => self.datum,
            };
            Value::new(datum, self.kind)
        }
    }
}

/// A name in a catalog's row.
pub fn name(name: &NameData) -> &CStr {
    // SAFETY: a name is NUL-terminated within its 64 bytes.
    unsafe { CStr::from_ptr(name.data.as_ptr()) }
}

//! `Frame<S>`: a Polars DataFrame whose schema was checked once and is trusted after that.
//!
//! Why: a stage that takes "some DataFrame" fails in the middle of a night. Here the compiler
//! refuses to classify raw rows, and the only frames that can come from outside are the
//! [`Input`] schemas, which [`Frame::parse`] checks whole.
//!
//! Invariants: the columns are exactly those of `S::COLUMNS`, in that order and of those types;
//! every column is one contiguous chunk, or one value for all rows; where the schema says `required`,
//! there is no null; the rows are in strictly ascending byte order of `workout_id`, so two frames merge without a hash.
//!
//! Must not know: where rows come from.
//!
//! `classify` takes features; raw workouts are refused by the compiler:
//! ```compile_fail
//! use paceline::stage::{classify::classify, frame::{Frame, Workouts}, model::Model};
//! fn refused(raw: &Frame<Workouts>, model: &Model) { let _ = classify(raw, model); }
//! ```
//! The same lines with the right frame compile, so the refusal above is for the right reason:
//! ```
//! use paceline::stage::{classify::classify, frame::{Frame, Features}, model::Model};
//! fn accepted(features: &Frame<Features>, model: &Model) { let _ = classify(features, model); }
//! ```

use std::marker::PhantomData;

use polars::prelude::*;
use rayon::prelude::*;

use super::columns::Texts;

/// The type of a column, in the few types that stages use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// 64-bit float.
    Real,
    /// 64-bit integer.
    Int,
    /// Boolean.
    Flag,
    /// Microseconds of a zoneless calendar (`Datetime(us)`).
    Date,
}

/// One column of a schema: name, type, and whether a null is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnSpec {
    /// The column's name.
    pub name: &'static str,
    /// The column's type.
    pub kind: Kind,
    /// True where no null may stand.
    pub required: bool,
}

/// A frame's schema: a name for messages and the columns in order. The first is `workout_id`.
pub trait Schema {
    /// How messages call this frame.
    const NAME: &'static str;
    /// The columns, in order.
    const COLUMNS: &'static [ColumnSpec];
}

/// A schema whose frames may be parsed from outside; all others are made by a stage.
pub trait Input: Schema {}

macro_rules! schema {
    ($(#[$doc:meta])* $name:ident = $text:literal { $($column:literal: $kind:ident $required:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl Schema for $name {
            const NAME: &'static str = $text;
            const COLUMNS: &'static [ColumnSpec] =
                &[$(ColumnSpec { name: $column, kind: Kind::$kind, required: $required }),+];
        }
    };
}

schema! {
    /// Rows of `workout_summary`, as far as stages need them. Units: miles, seconds, minutes per mile.
    Workouts = "workouts" {
        "workout_id": Text true,
        "workout_date": Date true,
        "activity_type": Text false,
        "avg_pace": Real false,
        "distance_mi": Real false,
        "duration_sec": Real false,
    }
}

schema! {
    /// One row per workout that is to be classified. Units: miles, minutes, minutes per mile.
    /// A row may be outside the model's bounds; `train` leaves it out, `classify` falls back.
    Features = "features" {
        "workout_id": Text true,
        "workout_date": Date true,
        "avg_pace": Real false,
        "distance_mi": Real false,
        "duration_min": Real false,
    }
}

schema! {
    /// Row i is the verdict on row i of the [`Features`] it was made from. The posterior columns are
    /// null for fallbacks; `posterior_mixed` is null for two-cluster models. `method` is an
    /// algorithm's name or `era_fallback`.
    Predictions = "predictions" {
        "workout_id": Text true,
        "label": Text true,
        "confidence": Real true,
        "posterior_real_run": Real false,
        "posterior_mixed": Real false,
        "posterior_pup_walk": Real false,
        "method": Text true,
    }
}

schema! {
    /// The stored state: one row per workout that has ever been classified. Labels are text, not
    /// [`crate::vocab::Label`], because older tools wrote others ('unknown'). `classification_id` is the
    /// store's number of the row, by which it is found again.
    Classifications = "classifications" {
        "workout_id": Text true,
        "current_classification": Text true,
        "classification_confidence": Real false,
        "model_id": Text false,
        "is_user_override": Flag true,
        "original_ml_classification": Text false,
        "classification_id": Int true,
    }
}

impl Input for Workouts {}
impl Input for Classifications {}

/// Why a DataFrame is no frame of a schema.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// A column is absent.
    #[error("{frame}: column '{column}' is missing; found {found}")]
    MissingColumn {
        /// The frame.
        frame: &'static str,
        /// The column looked for.
        column: &'static str,
        /// The columns there are.
        found: String,
    },
    /// A column has another type.
    #[error("{frame}: column '{column}' must be {expected:?}, found {found}")]
    WrongType {
        /// The frame.
        frame: &'static str,
        /// The column.
        column: &'static str,
        /// The schema's type.
        expected: Kind,
        /// The DataFrame's type.
        found: DataType,
    },
    /// A required column holds nulls.
    #[error("{frame}: column '{column}' holds {nulls} nulls and may hold none")]
    Nulls {
        /// The frame.
        frame: &'static str,
        /// The column.
        column: &'static str,
        /// How many.
        nulls: usize,
    },
    /// A workout stands twice.
    #[error("{frame}: workout_id '{workout_id}' stands more than once")]
    Duplicate {
        /// The frame.
        frame: &'static str,
        /// The first id that repeats.
        workout_id: String,
    },
    /// Polars refused an operation that the schema allows.
    #[error("{frame}: {source}")]
    Polars {
        /// The frame.
        frame: &'static str,
        /// Polars' own message.
        source: PolarsError,
    },
}

/// A DataFrame of schema `S`; see the module's invariants.
#[derive(Debug, Clone)]
pub struct Frame<S> {
    df: DataFrame,
    schema: PhantomData<S>,
}

impl<S: Input> Frame<S> {
    /// Checks `df` against the schema and brings it into the frame's form: the schema's columns
    /// only, in its order, sorted by `workout_id` bytes. Extra columns are dropped.
    ///
    /// # Errors
    /// [`FrameError`], naming the first column or id that does not fit.
    pub fn parse(df: DataFrame) -> Result<Self, FrameError> {
        Self::check(df)
    }
}

impl<S: Schema> Frame<S> {
    /// For stages: a frame made from columns in schema order.
    pub(super) fn made(columns: Vec<Column>) -> Result<Self, FrameError> {
        let height = columns.first().map_or(0, Column::len);
        let df = DataFrame::new(height, columns).map_err(|source| FrameError::Polars { frame: S::NAME, source })?;
        Self::check(df)
    }

    fn check(df: DataFrame) -> Result<Self, FrameError> {
        let polars = |source| FrameError::Polars { frame: S::NAME, source };
        let height = df.height();
        let mut columns = Vec::with_capacity(S::COLUMNS.len());
        for spec in S::COLUMNS {
            columns.push(checked_column::<S>(&df, spec)?.rechunk());
        }
        // Dropped before anything is sorted: each column is then given back as soon as its sorted copy is there.
        drop(df);
        if let Some(order) = order_of::<S>(columns[0].str().map_err(polars)?)? {
            for column in &mut columns {
                *column = column.take(&order).map_err(polars)?;
            }
        }
        Ok(Self {
            df: DataFrame::new(height, columns).map_err(polars)?,
            schema: PhantomData,
        })
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.df.height()
    }

    /// The columns, in schema order.
    pub(super) fn into_columns(self) -> Vec<Column> {
        self.df.into_columns()
    }

    /// The DataFrame, for reading.
    pub fn df(&self) -> &DataFrame {
        &self.df
    }

    /// The ids, ascending.
    pub fn ids(&self) -> &StringChunked {
        self.text("workout_id")
    }

    /// A text column, as it is kept.
    ///
    /// # Panics
    /// When `name` is no text column of `S`.
    pub fn texts(&self, name: &str) -> Texts<'_> {
        Texts::of(self.column(name))
    }

    /// A text column, spelled out where one word stands for all rows ([`Frame::texts`] reads it without).
    ///
    /// # Panics
    /// When `name` is no text column of `S`: a bug in the caller, not in the data.
    pub fn text(&self, name: &str) -> &StringChunked {
        self.column(name).str().expect("the schema says text")
    }

    /// A column of floats.
    ///
    /// # Panics
    /// When `name` is no real column of `S`.
    pub fn real(&self, name: &str) -> &Float64Chunked {
        self.column(name).f64().expect("the schema says real")
    }

    /// A column of integers.
    ///
    /// # Panics
    /// When `name` is no integer column of `S`.
    pub fn int(&self, name: &str) -> &Int64Chunked {
        self.column(name).i64().expect("the schema says int")
    }

    /// A column of booleans.
    ///
    /// # Panics
    /// When `name` is no flag column of `S`.
    pub fn flag(&self, name: &str) -> &BooleanChunked {
        self.column(name).bool().expect("the schema says flag")
    }

    /// A column of dates, as microseconds of the local calendar.
    ///
    /// # Panics
    /// When `name` is no date column of `S`.
    pub fn micros(&self, name: &str) -> &Int64Chunked {
        self.column(name).datetime().expect("the schema says date").physical()
    }

    fn column(&self, name: &str) -> &Column {
        self.df.column(name).expect("the schema has this column")
    }
}

/// The DataType that stands for `kind`.
fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Text => DataType::String,
        Kind::Real => DataType::Float64,
        Kind::Int => DataType::Int64,
        Kind::Flag => DataType::Boolean,
        Kind::Date => DataType::Datetime(TimeUnit::Microseconds, None),
    }
}

fn checked_column<S: Schema>(df: &DataFrame, spec: &ColumnSpec) -> Result<Column, FrameError> {
    let Ok(column) = df.column(spec.name) else {
        let found = df
            .get_column_names()
            .iter()
            .map(|n| n.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        return Err(FrameError::MissingColumn {
            frame: S::NAME,
            column: spec.name,
            found,
        });
    };
    if *column.dtype() != data_type(spec.kind) {
        let found = column.dtype().clone();
        return Err(FrameError::WrongType {
            frame: S::NAME,
            column: spec.name,
            expected: spec.kind,
            found,
        });
    }
    if spec.required && column.null_count() > 0 {
        return Err(FrameError::Nulls {
            frame: S::NAME,
            column: spec.name,
            nulls: column.null_count(),
        });
    }
    Ok(column.clone())
}

/// The rows by ascending id, as far as they are not in that order; None where they are. `ids` is one chunk
/// without nulls.
fn order_of<S: Schema>(ids: &StringChunked) -> Result<Option<IdxCa>, FrameError> {
    let ids = ids.downcast_as_array();
    if is_ascending(ids) {
        return Ok(None);
    }
    let id = |row: &IdxSize| ids.value(*row as usize);
    let mut order: Vec<IdxSize> = (0..ids.len() as IdxSize).collect();
    // Stable: it finds the stretches that are in order, and rows mostly come in a few long ones.
    order.sort_by(|a, b| id(a).cmp(id(b)));
    match order.windows(2).find(|pair| id(&pair[0]) == id(&pair[1])) {
        None => Ok(Some(IdxCa::from_vec("order".into(), order))),
        Some(pair) => Err(FrameError::Duplicate {
            frame: S::NAME,
            workout_id: id(&pair[0]).to_owned(),
        }),
    }
}

/// Ids that one thread looks through at a time. No result depends on it.
const TASK: usize = 65_536;

fn is_ascending(ids: &<StringType as PolarsDataType>::Array) -> bool {
    let tasks = ids.len().div_ceil(TASK);
    let is_ascending = |task: usize| {
        // Each stretch ends with the first id of the next one.
        let rows = task * TASK..ids.len().min((task + 1) * TASK + 1);
        rows.map(|row| ids.value(row)).is_sorted_by(|a, b| a < b)
    };
    (0..tasks).into_par_iter().all(is_ascending)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(ids: &[&str]) -> Result<Frame<Classifications>, FrameError> {
        let overridden: Vec<bool> = ids.iter().map(|id| id.len() == 1).collect();
        let columns = vec![
            Column::new("original_ml_classification".into(), vec![None::<&str>; ids.len()]),
            Column::new("classification_id".into(), vec![1i64; ids.len()]),
            Column::new("current_classification".into(), ids),
            Column::new("workout_id".into(), ids),
            Column::new("classification_confidence".into(), vec![None::<f64>; ids.len()]),
            Column::new("model_id".into(), ids),
            Column::new("is_user_override".into(), overridden),
        ];
        Frame::parse(DataFrame::new(ids.len(), columns).expect("columns of one length"))
    }

    #[test]
    fn what_is_out_of_order_is_seen_wherever_it_stands() {
        let rows = 2 * TASK + 10;
        let ids: Vec<String> = (0..rows).map(|n| format!("{n:07}")).collect();
        let seen =
            |ids: &[String]| is_ascending(StringChunked::from_iter_values("id".into(), ids.iter()).downcast_as_array());
        assert!(seen(&ids) && seen(&ids[..1]) && seen(&[]));
        for at in [0, TASK - 1, TASK, 2 * TASK - 1, rows - 2] {
            let mut swapped = ids.clone();
            swapped.swap(at, at + 1);
            assert!(!seen(&swapped), "{at}");
            swapped[at] = swapped[at + 1].clone();
            assert!(!seen(&swapped), "twice at {at}");
        }
    }

    #[test]
    fn rows_in_any_order_come_out_by_the_bytes_of_their_ids() {
        // Two stretches in order, as two backfills leave them, and one id out of place.
        let found = parsed(&["b", "b1", "é", "a", "a1", "c", "Z", "a longer id than twelve bytes"]).expect("a frame");
        let order = ["Z", "a", "a longer id than twelve bytes", "a1", "b", "b1", "c", "é"];
        for column in ["workout_id", "current_classification", "model_id"] {
            assert!(found.text(column).iter().flatten().eq(order), "{column}");
        }
        let ones = found.flag("is_user_override").iter().map(|flag| flag == Some(true));
        assert!(ones.eq(order.iter().map(|id| id.len() == 1)));
        assert_eq!(found.text("original_ml_classification").null_count(), order.len());
        assert_eq!(found.df().first_col_n_chunks(), 1);
    }

    #[test]
    fn an_id_that_stands_twice_is_named_wherever_it_stands() {
        for ids in [["a", "a", "b", "c"], ["b", "c", "a", "a"], ["a", "c", "b", "a"]] {
            let error = parsed(&ids).expect_err("a twice");
            assert!(
                matches!(&error, FrameError::Duplicate { workout_id, .. } if workout_id == "a"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_missing_id_and_no_rows() {
        assert_eq!(parsed(&[]).expect("an empty frame").height(), 0);
        let ids = vec![Some("a"), None];
        let columns = vec![Column::new("workout_id".into(), ids)];
        let error = Frame::<Workouts>::parse(DataFrame::new(2, columns).expect("one column")).expect_err("a null");
        assert!(matches!(error, FrameError::Nulls { nulls: 1, .. }), "{error}");
    }
}

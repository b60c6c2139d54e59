//! Columns of few different values, made, counted and judged without a text per row.
//!
//! Why: a table of workouts repeats a handful of labels, sports, methods and model ids. As a text of its own
//! each, they cost more memory and time than everything else in the row.
//!
//! Invariants: a column made here reads back the same texts and nulls in the same order; equal texts share
//! their bytes.
//!
//! Must not know: what the words mean.

use std::collections::{BTreeMap, HashMap};

use polars::prelude::*;

/// So many values are looked through before one is looked up, which is slower as long as they are few.
const NEAR: usize = 8;

/// A text column in the making: each word once, and which of them each row holds.
#[derive(Debug, Default)]
pub struct Words {
    /// The row's word, 4 bytes a row.
    rows: Vec<IdxSize>,
    /// The words by first use; None is the null.
    known: Vec<Option<String>>,
    /// Where those from the [`NEAR`]th on stand.
    far: HashMap<Option<String>, IdxSize>,
}

impl Words {
    /// Appends a row.
    pub fn push(&mut self, word: Option<&str>) {
        let place = self.place(word);
        self.rows.push(place);
    }

    fn place(&mut self, word: Option<&str>) -> IdxSize {
        // Rows that follow each other mostly hold the same word.
        if let Some(last) = self.rows.last()
            && self.known[*last as usize].as_deref() == word
        {
            return *last;
        }
        let mut near = self.known.iter().take(NEAR);
        if let Some(place) = near.position(|known| known.as_deref() == word) {
            return place as IdxSize;
        }
        let word = word.map(str::to_owned);
        if let Some(place) = self.far.get(&word) {
            return *place;
        }
        let place = self.known.len() as IdxSize;
        if self.known.len() >= NEAR {
            self.far.insert(word.clone(), place);
        }
        self.known.push(word);
        place
    }

    /// The column; where one word stands in every row, it takes no memory for them.
    ///
    /// # Errors
    /// Polars', which no input is known to cause.
    pub fn finish(self, name: &'static str) -> PolarsResult<Column> {
        if let [word] = self.known.as_slice() {
            let word = word
                .as_deref()
                .map_or(AnyValue::Null, |word| AnyValue::StringOwned(word.into()));
            return Ok(Column::new_scalar(
                name.into(),
                Scalar::new(DataType::String, word),
                self.rows.len(),
            ));
        }
        let known = StringChunked::from_iter_options(name.into(), self.known.iter().map(Option::as_deref));
        Ok(known.take(&self.rows)?.into_column())
    }
}

/// A text column for reading, one chunk, or the one word that stands in all of its rows.
#[derive(Debug, Clone, Copy)]
pub enum Texts<'a> {
    /// The same in every row.
    Same(Option<&'a str>),
    /// One text a row.
    Each(&'a <StringType as PolarsDataType>::Array),
}

impl<'a> Texts<'a> {
    /// # Panics
    /// Where the column is no text, or more chunks than one.
    pub(super) fn of(column: &'a Column) -> Self {
        match column.as_scalar_column() {
            Some(column) => Self::Same(column.scalar().value().get_str()),
            None => Self::Each(column.str().expect("text").downcast_as_array()),
        }
    }

    /// Row `i`, counted from 0.
    ///
    /// # Panics
    /// May, where there is no such row.
    pub fn get(&self, i: usize) -> Option<&'a str> {
        match self {
            Self::Same(word) => *word,
            Self::Each(words) => words.get(i),
        }
    }
}

/// A value for each of few keys, such as how often it was met.
#[derive(Debug)]
pub(super) struct Memo<K, V> {
    near: Vec<(K, V)>,
    far: BTreeMap<K, V>,
}

impl<K: Copy + Ord, V> Memo<K, V> {
    /// Of no key yet.
    pub fn new() -> Self {
        Self {
            near: Vec::with_capacity(NEAR),
            far: BTreeMap::new(),
        }
    }

    /// The key's value, which is `first` where the key is new.
    pub fn of(&mut self, key: K, first: impl FnOnce() -> V) -> &mut V {
        match self.near.iter().position(|(near, _)| *near == key) {
            Some(place) => &mut self.near[place].1,
            None if self.near.len() < NEAR => {
                self.near.push((key, first()));
                let last = self.near.len() - 1;
                &mut self.near[last].1
            }
            None => self.far.entry(key).or_insert_with(first),
        }
    }

    /// By key, ascending.
    pub fn sorted(self) -> BTreeMap<K, V> {
        self.near.into_iter().chain(self.far).collect()
    }
}

/// How often each text stands in a column, ascending; nulls are not counted.
pub fn tally(column: &StringChunked) -> BTreeMap<&str, u64> {
    let mut counts = Memo::new();
    for word in column.iter().flatten() {
        *counts.of(word, || 0u64) += 1;
    }
    counts.sorted()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(words: &[Option<&str>]) -> Column {
        let mut made = Words::default();
        for word in words {
            made.push(*word);
        }
        made.finish("word").expect("a column")
    }

    #[test]
    fn every_word_and_null_reads_back_in_its_place() {
        let long: Vec<String> = (0..40)
            .map(|n| format!("a text of more than twelve bytes, {n}"))
            .collect();
        let mut words: Vec<Option<&str>> = Vec::new();
        for round in 0..3 {
            words.push(Some(""));
            words.push(Some("real_run"));
            words.extend(long.iter().skip(round).map(|text| Some(text.as_str())));
            words.extend([None, None, Some("real_run")]);
        }
        let made = column(&words);
        let made = made.str().expect("text");
        assert_eq!(made.iter().collect::<Vec<_>>(), words);
        assert_eq!(made.null_count(), 6);
        let texts = tally(made);
        assert_eq!(
            (texts[long[2].as_str()], texts[long[0].as_str()], texts["real_run"]),
            (3, 1, 6)
        );
        assert_eq!(texts.len(), 42);
    }

    #[test]
    fn equal_texts_share_their_bytes() {
        let text = "workout_classifier_20261123_071809";
        let mut words = vec![Some(text); 10_000];
        words[5_000] = Some("another one of more than twelve bytes");
        let made = column(&words);
        let made = made.str().expect("text");
        let held: usize = made.downcast_iter().map(|chunk| chunk.total_buffer_len()).sum();
        assert_eq!((made.len(), held), (10_000, text.len() + 37));
        let first = made.get(0).map(str::as_ptr);
        assert_eq!(made.iter().filter(|word| word.map(str::as_ptr) == first).count(), 9_999);
    }

    #[test]
    fn one_word_in_all_rows_is_kept_once_and_reads_like_any_other() {
        for word in [Some("workout_classifier_20261123_071809"), None] {
            let made = column(&[word; 3]);
            assert!(made.as_scalar_column().is_some());
            let texts = Texts::of(&made);
            assert!(matches!(texts, Texts::Same(found) if found == word));
            assert_eq!((texts.get(0), texts.get(2)), (word, word));
            assert_eq!(made.str().expect("text").iter().collect::<Vec<_>>(), [word; 3]);
            let picked = made.take(&IdxCa::from_vec("i".into(), vec![2, 0])).expect("in range");
            assert_eq!(
                (picked.len(), picked.null_count()),
                (2, if word.is_none() { 2 } else { 0 })
            );
        }
        let two = column(&[Some("a"), None]);
        let texts = Texts::of(&two);
        assert_eq!((texts.get(0), texts.get(1)), (Some("a"), None));
    }

    #[test]
    fn no_rows_are_an_empty_column_of_text() {
        let none = column(&[]);
        assert_eq!((none.len(), none.dtype()), (0, &DataType::String));
    }

    #[test]
    fn a_memo_keeps_one_value_a_key() {
        let mut memo = Memo::new();
        for n in 0..100u64 {
            *memo.of(n % 20, || n * 100) += 1;
        }
        let sorted = memo.sorted();
        assert_eq!(sorted.len(), 20);
        assert!(sorted.into_iter().all(|(key, value)| value == key * 100 + 5));
    }
}

//! A table as data: what a CREATE TABLE makes, or what a server shows of one.
//!
//! Why: an upgrade is the difference of two of these, so both sides are written in the same words.
//!
//! Invariants: a [`Kind`]'s text is normal: lower case outside quotes, without the display widths that
//! servers add to integers (`bigint(20)`), but for `tinyint(1)`, which means a boolean.
//!
//! Must not know: where a shape comes from, what to do about a difference.

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Table {
    pub(super) name: String,
    /// In lower case; None for a view.
    pub(super) engine: Option<String>,
    /// Its default character set and collation.
    pub(super) text: Option<TextRule>,
    /// In order.
    pub(super) columns: Vec<Column>,
    /// The primary key is called `PRIMARY`.
    pub(super) keys: Vec<Key>,
    pub(super) references: Vec<Reference>,
    /// Checks of the table, not of a column.
    pub(super) checks: Vec<Check>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) nullable: bool,
    pub(super) default: Option<Standard>,
    /// None for what is no text.
    pub(super) text: Option<TextRule>,
    pub(super) auto_increment: bool,
    /// The expression of a generated column; a server's own wording of it is not compared.
    pub(super) generated: Option<String>,
    /// True where every UPDATE of the row sets it to the time.
    pub(super) on_update: bool,
    /// True with a check of its own, as MariaDB's JSON has.
    pub(super) checked: bool,
}

/// A type, normal (see the module).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind(String);

/// What a column holds where nothing is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standard {
    /// A value, without quotes.
    Value(String),
    /// The time in the session's zone.
    Now,
    /// The time in UTC.
    UtcNow,
    /// Another expression, in SQL.
    Expression(String),
}

/// How text is stored and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextRule {
    pub(super) charset: String,
    pub(super) collation: String,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) unique: bool,
    pub(super) columns: Vec<String>,
    /// False where only the beginning of a column is in it.
    pub(super) whole: bool,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) name: String,
    pub(super) table: String,
    pub(super) columns: Vec<String>,
    pub(super) to_table: String,
    pub(super) to_columns: Vec<String>,
    /// True for RESTRICT on deletion and update.
    pub(super) restricts: bool,
    /// What a deletion of the parent does, as SQL has it.
    pub(super) on_delete: String,
}

/// A check of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) name: String,
    /// Empty for one that was found: servers word it their own way.
    pub(super) clause: String,
}

/// The smallest and largest value of an integer type.
pub(super) struct Span {
    pub(super) least: i128,
    pub(super) most: i128,
}

const INTEGERS: [(&str, u32); 5] = [
    ("tinyint", 8),
    ("smallint", 16),
    ("mediumint", 24),
    ("int", 32),
    ("bigint", 64),
];
const TEXTS: [&str; 4] = ["tinytext", "text", "mediumtext", "longtext"];

impl Kind {
    /// From any spelling of a type.
    pub(super) fn new(text: &str) -> Self {
        let text = compact(text);
        let (word, rest) = text.split_at(text.find('(').unwrap_or(text.len()));
        let is_integer = INTEGERS.iter().any(|(name, _)| *name == word);
        let (width, tail) = rest.split_at(rest.find(')').map_or(0, |end| end + 1));
        if is_integer && !(word == "tinyint" && width == "(1)") {
            return Self(format!("{word}{tail}"));
        }
        Self(text)
    }

    /// The normal text.
    pub(super) fn sql(&self) -> &str {
        &self.0
    }

    /// The type without what stands in parentheses.
    pub(super) fn word(&self) -> &str {
        let end = self
            .0
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(self.0.len());
        &self.0[..end]
    }

    /// The number in parentheses, where there is just one.
    pub(super) fn number(&self) -> Option<u32> {
        let (_, rest) = self.0.split_once('(')?;
        rest.split_once(')')?.0.parse().ok()
    }

    /// The words of an ENUM, each in its quotes.
    pub(super) fn words(&self) -> Option<&str> {
        self.0.strip_prefix("enum(")?.strip_suffix(')')
    }

    /// The range of an integer type.
    pub(super) fn span(&self) -> Option<Span> {
        let (_, bits) = INTEGERS.iter().find(|(name, _)| *name == self.word())?;
        Some(if self.0.contains("unsigned") {
            Span {
                least: 0,
                most: (1i128 << bits) - 1,
            }
        } else {
            Span {
                least: -(1i128 << (bits - 1)),
                most: (1i128 << (bits - 1)) - 1,
            }
        })
    }

    /// The most characters of a text type that has such a number.
    pub(super) fn characters(&self) -> Option<u32> {
        matches!(self.word(), "char" | "varchar").then(|| self.number().unwrap_or(1))
    }

    /// How large a text without a number is: 0 the smallest.
    pub(super) fn text_size(&self) -> Option<usize> {
        TEXTS.iter().position(|name| *name == self.0)
    }

    /// Digits after the second of a type with a time of day.
    pub(super) fn fraction(&self) -> Option<u32> {
        matches!(self.word(), "datetime" | "timestamp").then(|| self.number().unwrap_or(0))
    }

    /// True for a type that has a character set.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.word(), "char" | "varchar" | "enum" | "set") || self.text_size().is_some()
    }
}

/// Lower case and without spaces outside quotes, but for those between words.
fn compact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut quoted = false;
    for c in text.trim().chars() {
        if c == '\'' {
            quoted = !quoted;
        }
        let beside_a_word = out.ends_with(|last: char| last.is_ascii_alphanumeric() || last == ')');
        match c {
            c if quoted || c == '\'' => out.push(c),
            c if c.is_whitespace() && !beside_a_word => {}
            c if c.is_whitespace() => out.push(' '),
            c => out.push(c.to_ascii_lowercase()),
        }
    }
    out
}

impl Table {
    /// The column of this name.
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name.eq_ignore_ascii_case(name))
    }

    /// True with a key over just these columns, whole and in this order, that admits no two rows alike.
    pub(super) fn is_unique(&self, columns: &[String]) -> bool {
        self.keys.iter().any(|k| k.unique && k.whole && k.columns == columns)
    }
}

impl Key {
    /// True for the same key under whatever name.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.unique == other.unique && self.columns == other.columns && self.whole == other.whole
    }

    /// True for the table's own.
    pub(super) fn is_primary(&self) -> bool {
        self.name.eq_ignore_ascii_case("primary")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_type_has_one_text() {
        for (found, normal) in [
            ("bigint(20)", "bigint"),
            ("INT(11) unsigned", "int unsigned"),
            ("TINYINT(1)", "tinyint(1)"),
            ("tinyint(4)", "tinyint"),
            ("DATETIME(6)", "datetime(6)"),
            ("ENUM('a', 'B c',\n  'd')", "enum('a','B c','d')"),
            ("decimal(5,4)", "decimal(5,4)"),
            ("Double", "double"),
        ] {
            assert_eq!(Kind::new(found).sql(), normal, "{found}");
        }
        assert_eq!(Kind::new("varchar(50)").characters(), Some(50));
        assert_eq!(Kind::new("int unsigned").span().map(|s| s.most), Some(u32::MAX.into()));
        assert_eq!(Kind::new("timestamp").fraction(), Some(0));
        assert_eq!(Kind::new("enum('a','b')").words(), Some("'a','b'"));
        assert!(Kind::new("longtext").is_text() && !Kind::new("json").is_text());
    }
}

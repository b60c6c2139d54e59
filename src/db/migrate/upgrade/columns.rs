//! Columns: what must become of each so that it is as in a new database.
//!
//! Why: this is where a value could be lost, so every rule about types stands in one place.
//!
//! Invariants: nothing becomes narrower than it is, but for what a [`guard`](super::guards) has proved to
//! fit; nothing is reordered or dropped, so that a program which reads or writes by position goes on
//! working; what somebody could leave out of an INSERT can still be left out.
//!
//! Must not know: rows, statements beyond one clause.

use super::Clause;
use super::shape::{Column, Kind, Standard, Table, TextRule};

/// How a found type stands to the wanted one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fit {
    /// The same, or one that holds more of the same: it stays.
    Stays,
    /// It becomes the wanted one; where `narrows`, only after a look at the values.
    Becomes {
        /// The type.
        kind: Kind,
        /// True where not every value of the found type fits.
        narrows: bool,
    },
}

/// Whether a found type may stay, and what it becomes where it may not.
pub(super) fn fit(found: &Kind, wanted: &Kind) -> Fit {
    let becomes = |narrows| Fit::Becomes {
        kind: wanted.clone(),
        narrows,
    };
    if found == wanted {
        return Fit::Stays;
    }
    if let Some((has, asks)) = found.characters().zip(wanted.characters()) {
        let same_word = found.word() == wanted.word();
        return if same_word && has > asks {
            Fit::Stays
        } else {
            becomes(has > asks)
        };
    }
    if let Some((has, asks)) = found.text_size().zip(wanted.text_size()) {
        return if has > asks { Fit::Stays } else { becomes(false) };
    }
    if let Some((has, asks)) = found.fraction().zip(wanted.fraction()) {
        let precise = Kind::new(&format!("datetime({})", has.max(asks)));
        return match (found.word(), has > asks) {
            ("datetime", true) => Fit::Stays,
            (_, true) => Fit::Becomes {
                kind: precise,
                narrows: false,
            },
            (_, false) => becomes(false),
        };
    }
    if let Some((has, asks)) = found.span().zip(wanted.span()) {
        return becomes(has.least < asks.least || has.most > asks.most);
    }
    becomes(wanted.words().is_some() || (found.text_size().is_some() && wanted.characters().is_some()))
}

/// The clause that changes `found` into `wanted`; None where it is so already. `is_key`: others refer to
/// it, so nothing may stand in for it.
pub(super) fn change(found: &Column, wanted: &Column, is_key: bool) -> Option<Clause> {
    // How a generated column is computed is worded by each server its own way.
    if found.generated.is_some() && wanted.generated.is_some() {
        return None;
    }
    let mut why = Vec::new();
    let kind = match fit(&found.kind, &wanted.kind) {
        Fit::Stays => found.kind.clone(),
        Fit::Becomes { kind, .. } => {
            let utc = if found.kind.word() == "timestamp" {
                ", in UTC"
            } else {
                ""
            };
            why.push(format!("{} becomes {}{utc}", found.kind.sql(), kind.sql()));
            kind
        }
    };
    if let Some((has, asks)) = found.text.as_ref().zip(wanted.text.as_ref())
        && has != asks
    {
        why.push(format!("{} becomes {}", has.collation, asks.collation));
    }
    if found.nullable != wanted.nullable {
        let what = if wanted.nullable {
            "may be empty"
        } else {
            "may not be empty any more"
        };
        why.push(what.to_owned());
    }
    let default = default(found, wanted, is_key);
    if found.default != default {
        why.push(match &default {
            Some(Standard::UtcNow) => "fills itself in UTC, whatever the session's time zone".to_owned(),
            Some(Standard::Value(value)) => format!("is '{value}' where nothing is said"),
            _ => "has no default".to_owned(),
        });
    }
    if found.on_update {
        why.push("no UPDATE of the row sets it by itself any more".to_owned());
    }
    if found.checked {
        why.push("its check becomes one of the table".to_owned());
    }
    if found.auto_increment != wanted.auto_increment {
        why.push("is numbered by the server".to_owned());
    }
    let target = Column {
        kind,
        default,
        ..wanted.clone()
    };
    (!why.is_empty()).then(|| Clause {
        sql: format!("MODIFY COLUMN {}", definition(&target)),
        why: format!("{}: {}", wanted.name, why.join("; ")),
    })
}

/// What is to stand where an INSERT says nothing. A new table's own default, or else what the older table had: a
/// program that leaves the column out goes on doing so.
fn default(found: &Column, wanted: &Column, is_key: bool) -> Option<Standard> {
    if wanted.default.is_some() || wanted.nullable || wanted.auto_increment {
        return wanted.default.clone();
    }
    match &found.default {
        Some(Standard::Now) => Some(Standard::UtcNow),
        Some(own) => Some(own.clone()),
        None if found.nullable && !is_key => Some(stand_in(wanted)),
        None => None,
    }
}

/// What takes the place of nothing in a column that may not be empty.
pub(super) fn stand_in(wanted: &Column) -> Standard {
    let value = |text: &str| Standard::Value(text.to_owned());
    if let Some(own) = &wanted.default {
        return own.clone();
    }
    match (wanted.name.as_str(), wanted.kind.word()) {
        ("status", _) => value("archived"),
        ("classification_source", _) => value("ml_batch_update"),
        ("feedback_type", _) => value("uncertain"),
        (_, "datetime") => Standard::UtcNow,
        (_, "char" | "varchar" | "text" | "longtext") => value("unknown"),
        _ => value("0"),
    }
}

/// The clause that adds a column that is not there.
pub(super) fn addition(wanted: &Column) -> Clause {
    let needs_default = !wanted.nullable && wanted.default.is_none() && !wanted.auto_increment;
    let target = Column {
        default: if needs_default {
            Some(stand_in(wanted))
        } else {
            wanted.default.clone()
        },
        ..wanted.clone()
    };
    Clause {
        sql: format!("ADD COLUMN {}", definition(&target)),
        why: format!("{}: added", wanted.name),
    }
}

/// A column of somebody's own that would refuse every row of Paceline's.
pub(super) fn relaxation(found: &Column) -> Option<Clause> {
    let must_be_given =
        !found.nullable && found.default.is_none() && !found.auto_increment && found.generated.is_none();
    let target = Column {
        nullable: true,
        name: format!("`{}`", found.name),
        ..found.clone()
    };
    must_be_given.then(|| Clause {
        sql: format!("MODIFY COLUMN {}", definition(&target)),
        why: format!("{}: stays, and may be empty: Paceline does not fill it", found.name),
    })
}

/// The clause that gives a table the character set of a new one, for columns to come.
pub(super) fn table_text(found: &Table, wanted: &Table) -> Option<Clause> {
    let rule = wanted.text.as_ref()?;
    (found.text.as_ref() != Some(rule)).then(|| Clause {
        sql: format!("DEFAULT CHARACTER SET {} COLLATE {}", rule.charset, rule.collation),
        why: format!("columns to come are {} unless they say otherwise", rule.collation),
    })
}

/// `name type [character set] [null] [default] [number]`, as in a CREATE TABLE.
fn definition(column: &Column) -> String {
    let mut sql = format!("{} {}", column.name, shouted(&column.kind));
    if let Some(TextRule { charset, collation }) = &column.text {
        sql.push_str(&format!(" CHARACTER SET {charset} COLLATE {collation}"));
    }
    if let Some(expression) = &column.generated {
        sql.push_str(&format!(" GENERATED ALWAYS AS ({expression}) STORED"));
        return sql;
    }
    sql.push_str(if column.nullable { " NULL" } else { " NOT NULL" });
    if let Some(default) = &column.default {
        sql.push_str(&format!(" DEFAULT {}", standard(default)));
    }
    if column.auto_increment {
        sql.push_str(" AUTO_INCREMENT");
    }
    sql
}

/// A default as SQL.
pub(super) fn standard(default: &Standard) -> String {
    match default {
        Standard::Value(value) if value.parse::<i64>().is_ok() => value.clone(),
        Standard::Value(value) => format!("'{}'", value.replace('\'', "''")),
        Standard::Now => "CURRENT_TIMESTAMP".to_owned(),
        Standard::UtcNow => "(UTC_TIMESTAMP(6))".to_owned(),
        Standard::Expression(sql) => format!("({sql})"),
    }
}

/// The type with its keyword in upper case, as SQL is written here.
fn shouted(kind: &Kind) -> String {
    let (word, rest) = kind.sql().split_at(kind.word().len());
    format!("{}{rest}", word.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(found: &str, wanted: &str) -> String {
        match fit(&Kind::new(found), &Kind::new(wanted)) {
            Fit::Stays => "stays".to_owned(),
            Fit::Becomes { kind, narrows } => format!("{}{}", kind.sql(), if narrows { ", looked at" } else { "" }),
        }
    }

    #[test]
    fn nothing_becomes_narrower_unseen() {
        for (found, wanted, outcome) in [
            ("int(11)", "BIGINT", "bigint"),
            ("bigint(20) unsigned", "BIGINT", "bigint, looked at"),
            ("int(11)", "TINYINT", "tinyint, looked at"),
            ("varchar(255)", "VARCHAR(100)", "stays"),
            ("varchar(20)", "VARCHAR(50)", "varchar(50)"),
            ("text", "VARCHAR(50)", "varchar(50), looked at"),
            ("varchar(64)", "CHAR(64)", "char(64)"),
            ("varchar(80)", "CHAR(64)", "char(64), looked at"),
            ("mediumtext", "TEXT", "stays"),
            ("varchar(50)", "TEXT", "text"),
            ("json", "LONGTEXT", "longtext"),
            ("float", "DOUBLE", "double"),
            ("decimal(5,4)", "DOUBLE", "double"),
            ("timestamp", "DATETIME(6)", "datetime(6)"),
            ("timestamp(6)", "DATETIME", "datetime(6)"),
            ("datetime", "DATETIME(6)", "datetime(6)"),
            ("datetime(3)", "DATETIME", "stays"),
            ("date", "DATETIME", "datetime"),
            ("enum('a')", "ENUM('a','b')", "enum('a','b'), looked at"),
            ("varchar(20)", "ENUM('a','b')", "enum('a','b'), looked at"),
        ] {
            assert_eq!(fits(found, wanted), outcome, "{found} to {wanted}");
        }
    }
}

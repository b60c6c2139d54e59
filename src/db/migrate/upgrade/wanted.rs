//! What a fresh migration makes, read from its own text.
//!
//! Why: the target of an upgrade is the schema of a new database. Written down a second time it would
//! drift from the migrations; read from them it cannot.
//!
//! Invariants: reads only the dialect in which the migrations of this program are written: one
//! CREATE TABLE, a name and no quotes for each thing, keywords in upper case.
//!
//! Must not know: what a database holds.

use super::shape::{Check, Column, Key, Kind, Reference, Standard, Table, TextRule};

/// The table of a rendered migration, without comments; None where it makes none.
pub(super) fn table(sql: &str) -> Option<Table> {
    let open = sql.find('(')?;
    let close = sql.rfind(") ENGINE")?;
    let head = sql[..open].trim();
    let text = TextRule {
        charset: word_after(&sql[close..], "CHARACTER SET ")?.to_owned(),
        collation: word_after(&sql[close..], "COLLATE ")?.to_owned(),
    };
    let mut table = Table {
        name: head.rsplit(' ').next()?.to_owned(),
        engine: word_after(&sql[close..], "ENGINE = ").map(str::to_ascii_lowercase),
        text: Some(text.clone()),
        ..Table::default()
    };
    for item in items(&sql[open + 1..close]) {
        add(&mut table, &item, &text)?;
    }
    Some(table)
}

fn add(table: &mut Table, item: &str, text: &TextRule) -> Option<()> {
    if let Some(rest) = item.strip_prefix("PRIMARY KEY") {
        table.keys.push(key(&format!("PRIMARY {rest}"), true)?);
    } else if let Some(rest) = item.strip_prefix("UNIQUE KEY ") {
        table.keys.push(key(rest, true)?);
    } else if let Some(rest) = item.strip_prefix("KEY ") {
        table.keys.push(key(rest, false)?);
    } else if let Some(rest) = item.strip_prefix("CONSTRAINT ") {
        let (name, rest) = rest.split_once(' ')?;
        match rest.strip_prefix("CHECK ") {
            Some(clause) => table.checks.push(Check {
                name: name.to_owned(),
                clause: inside(clause)?.to_owned(),
            }),
            None => table.references.push(reference(&table.name, name, rest)?),
        }
    } else {
        table.columns.push(column(item, text)?);
    }
    Some(())
}

/// The parts between commas that stand in no parentheses and no quotes, each in one line.
fn items(body: &str) -> Vec<String> {
    let (mut items, mut item) = (Vec::new(), String::new());
    let (mut depth, mut quoted) = (0, false);
    for c in body.chars() {
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                items.push(std::mem::take(&mut item));
                continue;
            }
            _ => {}
        }
        item.push(c);
    }
    items.push(item);
    let one_line = |item: String| item.split_whitespace().collect::<Vec<_>>().join(" ");
    items.into_iter().map(one_line).collect()
}

fn column(item: &str, text: &TextRule) -> Option<Column> {
    let (name, rest) = item.split_once(' ')?;
    // The type ends at the first space outside its parentheses.
    let mut depth = 0;
    let end = rest.char_indices().find(|(_, c)| match c {
        '(' => {
            depth += 1;
            false
        }
        ')' => {
            depth -= 1;
            false
        }
        ' ' => depth == 0,
        _ => false,
    });
    let (kind, rest) = rest.split_at(end.map_or(rest.len(), |(at, _)| at));
    let kind = Kind::new(kind);
    let own = word_after(rest, "CHARACTER SET ").zip(word_after(rest, "COLLATE "));
    let own = own.map(|(charset, collation)| TextRule {
        charset: charset.to_owned(),
        collation: collation.to_owned(),
    });
    let generated = rest.split_once("GENERATED ALWAYS AS ").and_then(|(_, e)| inside(e));
    Some(Column {
        name: name.to_owned(),
        text: kind.is_text().then(|| own.unwrap_or_else(|| text.clone())),
        kind,
        nullable: !rest.contains("NOT NULL"),
        default: word_after(rest, "DEFAULT ").map(|word| Standard::Value(word.trim_matches('\'').to_owned())),
        auto_increment: rest.contains("AUTO_INCREMENT"),
        generated: generated.map(str::to_owned),
        on_update: false,
        checked: false,
    })
}

fn key(text: &str, unique: bool) -> Option<Key> {
    let (name, _) = text.split_once(' ')?;
    Some(Key {
        name: name.to_owned(),
        unique,
        columns: names(inside(text)?),
        whole: true,
    })
}

/// `FOREIGN KEY (a) REFERENCES t (b) ON DELETE RESTRICT ON UPDATE RESTRICT`.
fn reference(table: &str, name: &str, text: &str) -> Option<Reference> {
    let (own, other) = text.split_once(" REFERENCES ")?;
    let (to_table, rest) = other.split_once(' ')?;
    Some(Reference {
        name: name.to_owned(),
        table: table.to_owned(),
        columns: names(inside(own)?),
        to_table: to_table.to_owned(),
        to_columns: names(inside(rest)?),
        restricts: rest.ends_with("ON DELETE RESTRICT ON UPDATE RESTRICT"),
        on_delete: word_after(rest, "ON DELETE ")?.to_owned(),
    })
}

fn names(list: &str) -> Vec<String> {
    list.split(',').map(|name| name.trim().to_owned()).collect()
}

/// What the first parentheses hold.
fn inside(text: &str) -> Option<&str> {
    let open = text.find('(')?;
    let mut depth = 0;
    for (at, c) in text[open..].char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&text[open + 1..open + at]);
        }
    }
    None
}

fn word_after<'t>(text: &'t str, keyword: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(keyword)?;
    rest.split([' ', '\n', ')'])
        .next()
        .map(|word| word.trim_end_matches(';'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::migrate::files::MIGRATIONS;
    use crate::db::statement::Dialect;

    fn made(name: &str) -> Table {
        let migration = MIGRATIONS.iter().find(|m| m.name == name).expect("a migration");
        table(&migration.rendered(Dialect::MySql, None)).expect("a table")
    }

    #[test]
    fn a_migration_is_read_whole() {
        let history = made("workout_classification_history");
        assert_eq!((history.columns.len(), history.keys.len()), (16, 6));
        assert_eq!((history.references.len(), history.checks.len()), (1, 2));
        let source = history.column("classification_source").expect("a column");
        let words = source.kind.words().expect("an ENUM");
        assert!(words.ends_with("'admin_correction','era_fallback'"), "{words}");
        assert!(!source.nullable && source.default.is_none());
        let who = history.column("changed_by").expect("a column");
        assert_eq!(who.default, Some(Standard::Value("system".to_owned())));
        assert_eq!(history.references[0].to_table, "workout_summary");
        assert!(history.references[0].restricts);
        assert_eq!(history.checks[0].clause, "JSON_VALID(features_used)");

        let models = made("ml_model_registry");
        let slot = models.column("active_slot").expect("a column");
        assert_eq!(slot.generated.as_deref(), Some("NULLIF(is_production, 0)"));
        assert!(models.is_unique(&["active_slot".to_owned()]));
        let production = &models.checks[0].clause;
        assert!(production.starts_with("(status = 'active'") && production.ends_with("is_production = 0)"));
    }

    #[test]
    fn every_column_of_every_table_is_found() {
        for migration in MIGRATIONS.iter().filter(|m| m.creates.table().is_some()) {
            let table = made(migration.name);
            let generated = table.columns.iter().filter(|c| c.generated.is_some()).count();
            let listed = migration.columns(Dialect::MySql);
            assert_eq!(table.columns.len() - generated, listed.len(), "{}", migration.name);
        }
    }
}

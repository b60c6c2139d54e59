//! Indexes, checks and foreign keys: what must become of each so that they are as in a new database.
//!
//! Why: a foreign key with CASCADE takes the audit trail along with a workout, and one with SET NULL rewrites
//! it; both happen below the triggers.
//!
//! Invariants: an index that somebody made for himself stays; what refuses rows that Paceline writes does not.
//!
//! Must not know: rows.

use super::Clause;
use super::shape::{Check, Key, Reference, Table};

/// The clauses that make the indexes and checks of `found` those of `wanted`.
pub(super) fn changes(found: &Table, wanted: &Table) -> Vec<Clause> {
    let mut clauses = Vec::new();
    let mut taken: Vec<&str> = Vec::new();
    for key in &wanted.keys {
        let named = found.keys.iter().find(|k| k.name.eq_ignore_ascii_case(&key.name));
        if let Some(named) = named {
            taken.push(&named.name);
            if named.is_like(key) {
                continue;
            }
            clauses.push(drop_key(named, "a new database has another one of this name"));
        }
        let is_free = |k: &&Key| !taken.contains(&k.name.as_str()) && !wanted.keys.iter().any(|w| w.name == k.name);
        let like = found.keys.iter().filter(is_free).find(|k| k.is_like(key));
        clauses.push(match like {
            Some(like) => {
                taken.push(&like.name);
                rename_key(like, key)
            }
            None => add_key(key),
        });
    }
    let left = found.keys.iter().filter(|k| !taken.contains(&k.name.as_str()));
    clauses.extend(left.filter_map(|key| superfluous(key, wanted)));
    clauses.extend(checks(found, wanted));
    clauses
}

/// What is to become of a key that a new database does not have.
fn superfluous(key: &Key, wanted: &Table) -> Option<Clause> {
    if key.is_primary() {
        return None;
    }
    if wanted.keys.iter().any(|w| w.is_like(key)) {
        return Some(drop_key(key, "there is another one over the same columns"));
    }
    let ours = |column: &String| wanted.column(column).is_some();
    (key.unique && key.columns.iter().all(ours)).then(|| drop_key(key, "it would refuse rows that Paceline writes"))
}

fn drop_key(key: &Key, why: &str) -> Clause {
    Clause {
        sql: format!("DROP INDEX `{}`", key.name),
        why: format!("index {} ({}) dropped: {why}", key.name, key.columns.join(", ")),
    }
}

fn rename_key(like: &Key, key: &Key) -> Clause {
    Clause {
        sql: format!("RENAME INDEX `{}` TO {}", like.name, key.name),
        why: format!(
            "index {} ({}) is called {} now",
            like.name,
            key.columns.join(", "),
            key.name
        ),
    }
}

fn add_key(key: &Key) -> Clause {
    let columns = key.columns.join(", ");
    let kind = if key.unique { "UNIQUE KEY" } else { "KEY" };
    let what = if key.unique { "unique index" } else { "index" };
    Clause {
        sql: format!("ADD {kind} {} ({columns})", key.name),
        why: format!("{what} {} ({columns}) added", key.name),
    }
}

fn checks(found: &Table, wanted: &Table) -> Vec<Clause> {
    let has = |list: &[Check], name: &str| list.iter().any(|c| c.name == name);
    let added = wanted
        .checks
        .iter()
        .filter(|c| !has(&found.checks, &c.name))
        .map(|c| Clause {
            sql: format!("ADD CONSTRAINT {} CHECK ({})", c.name, c.clause),
            why: format!("check {} added: {}", c.name, c.clause),
        });
    let dropped = found
        .checks
        .iter()
        .filter(|c| !has(&wanted.checks, &c.name))
        .map(|c| Clause {
            sql: format!("DROP CONSTRAINT `{}`", c.name),
            why: format!("check {} dropped: those of a new database take its place", c.name),
        });
    dropped.chain(added).collect()
}

/// True for the foreign key of a new database, down to its name.
fn is_wanted(reference: &Reference, wanted: &Table) -> bool {
    wanted.references.iter().any(|w| {
        let same_ends = w.columns == reference.columns && w.to_columns == reference.to_columns;
        w.name == reference.name && same_ends && w.to_table == reference.to_table && reference.restricts
    })
}

/// The foreign keys of `found` that have to go: those of no new database, and those over a column of which
/// `changes` is true, because a server changes no column that a foreign key stands on.
pub(super) fn dropped(found: &Table, wanted: &Table, changes: impl Fn(&str, &str) -> bool) -> Vec<Clause> {
    let stands_on = |r: &Reference| {
        let own = r.columns.iter().any(|column| changes(&r.table, column));
        own || r.to_columns.iter().any(|column| changes(&r.to_table, column))
    };
    let gone = found
        .references
        .iter()
        .filter(|r| !is_wanted(r, wanted) || stands_on(r));
    gone.flat_map(|r| {
        let drop = Clause {
            sql: format!("DROP FOREIGN KEY `{}`", r.name),
            why: reason(r, wanted),
        };
        [Some(drop), index_of(r, found, wanted)].into_iter().flatten()
    })
    .collect()
}

/// The index that the server made for a foreign key which does not come back. It goes in the statement of the
/// foreign key: afterwards nobody could tell that it was not somebody's own.
fn index_of(reference: &Reference, found: &Table, wanted: &Table) -> Option<Clause> {
    if wanted.references.iter().any(|w| w.columns == reference.columns) {
        return None;
    }
    let by_server = |key: &&Key| key.name == reference.name || key.name == reference.columns[0];
    let mut made = found.keys.iter().filter(by_server);
    let own = made.find(|k| !k.unique && k.columns == reference.columns)?;
    let is_wanted = wanted.keys.iter().any(|w| w.is_like(own));
    (!is_wanted).then(|| drop_key(own, "the server made it for the foreign key"))
}

fn reason(reference: &Reference, wanted: &Table) -> String {
    let (columns, to, on_delete) = (reference.columns.join(", "), &reference.to_table, &reference.on_delete);
    let comes_back = wanted.references.iter().find(|w| w.columns == reference.columns);
    let why = match (reference.restricts, comes_back) {
        (true, Some(_)) => "comes back when the columns are changed".to_owned(),
        (false, Some(_)) => format!("ON DELETE {on_delete} becomes RESTRICT: no deletion takes the trail along"),
        (_, None) => format!(
            "ON DELETE {on_delete} would change what was written; the column keeps the id, whatever becomes of the row \
             it names"
        ),
    };
    format!("foreign key {columns} -> {to}: {why}")
}

/// The foreign keys that a new database has and `found` will lack.
pub(super) fn added(found: &Table, wanted: &Table, changes: impl Fn(&str, &str) -> bool) -> Vec<Clause> {
    let goes = dropped(found, wanted, changes);
    let stays = |w: &Reference| {
        let there = found.references.iter().any(|r| r.name == w.name);
        there && !goes.iter().any(|c| c.sql.contains(&format!("`{}`", w.name)))
    };
    let lacking = wanted.references.iter().filter(|w| !stays(w));
    lacking
        .map(|w| {
            let (columns, to_columns) = (w.columns.join(", "), w.to_columns.join(", "));
            Clause {
                sql: format!(
                    "ADD CONSTRAINT {} FOREIGN KEY ({columns}) REFERENCES {} ({to_columns}) ON DELETE RESTRICT ON UPDATE \
                     RESTRICT",
                    w.name, w.to_table
                ),
                why: format!("foreign key {columns} -> {}: RESTRICT", w.to_table),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, unique: bool, columns: &[&str]) -> Key {
        Key {
            name: name.to_owned(),
            unique,
            columns: columns.iter().map(|&c| c.to_owned()).collect(),
            whole: true,
        }
    }

    fn table(keys: Vec<Key>) -> Table {
        let column = |name: &str| super::super::shape::Column {
            name: name.to_owned(),
            kind: super::super::shape::Kind::new("BIGINT"),
            nullable: true,
            default: None,
            text: None,
            auto_increment: false,
            generated: None,
            on_update: false,
            checked: false,
        };
        Table {
            columns: ["a", "b", "c"].map(column).into(),
            keys,
            ..Table::default()
        }
    }

    #[test]
    fn an_index_is_renamed_added_or_left() {
        let wanted = table(vec![
            key("PRIMARY", true, &["a"]),
            key("uq_b", true, &["b"]),
            key("idx_c", false, &["c"]),
        ]);
        let found = table(vec![
            key("PRIMARY", true, &["a"]),
            key("b", true, &["b"]),
            key("own", false, &["b", "c"]),
            key("odd", true, &["b", "c"]),
            key("theirs", true, &["x"]),
        ]);
        let sql: Vec<String> = changes(&found, &wanted).into_iter().map(|c| c.sql).collect();
        assert_eq!(
            sql,
            ["RENAME INDEX `b` TO uq_b", "ADD KEY idx_c (c)", "DROP INDEX `odd`"]
        );
        assert_eq!(changes(&wanted, &wanted), []);
        let twice = table([wanted.keys.clone(), vec![key("c", false, &["c"])]].concat());
        assert_eq!(changes(&twice, &wanted)[0].sql, "DROP INDEX `c`");
    }

    #[test]
    fn a_foreign_key_that_cascades_goes_and_comes_back() {
        let reference = |name: &str, column: &str, restricts: bool| Reference {
            name: name.to_owned(),
            table: "t".to_owned(),
            columns: vec![column.to_owned()],
            to_table: "p".to_owned(),
            to_columns: vec!["id".to_owned()],
            restricts,
            on_delete: if restricts { "RESTRICT" } else { "CASCADE" }.to_owned(),
        };
        let wanted = Table {
            references: vec![reference("fk", "a", true)],
            ..table(vec![])
        };
        let found = Table {
            references: vec![reference("t_ibfk_1", "a", false), reference("t_ibfk_2", "b", false)],
            ..table(vec![])
        };
        let never = |_: &str, _: &str| false;
        assert_eq!(dropped(&found, &wanted, never).len(), 2);
        let indexed = Table {
            keys: vec![
                key("a", false, &["a"]),
                key("b", false, &["b"]),
                key("own", false, &["b"]),
            ],
            ..found.clone()
        };
        let sql: Vec<String> = dropped(&indexed, &wanted, never).into_iter().map(|c| c.sql).collect();
        assert_eq!(sql[2..], ["DROP INDEX `b`"]);
        assert_eq!(added(&found, &wanted, never).len(), 1);
        assert_eq!(dropped(&wanted, &wanted, never), []);
        assert_eq!(added(&wanted, &wanted, never), []);
        let changes = |table: &str, column: &str| (table, column) == ("p", "id");
        assert_eq!(dropped(&wanted, &wanted, changes).len(), 1);
        assert_eq!(added(&wanted, &wanted, changes).len(), 1);
    }
}

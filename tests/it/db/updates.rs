//! Multi-row updates by key: the same rows on both stores, every row or none.

use std::sync::Mutex;

use paceline::db::error::DbError;
use paceline::db::statement::{Batch, Dialect, Transaction, Update};
use paceline::time::{Timestamp, WorkoutDate};

use crate::support::{TestStore, on_both_empty_stores};

static EVERY_KIND: Update = Update {
    table: "u",
    key: "k",
    columns: &["i", "r", "t", "at", "d", "same"],
};

static ONE: Update = Update {
    table: "u",
    key: "k",
    columns: &["r"],
};

/// A table whose key is in the character set that a table of somebody else may well have.
async fn make_table(store: &TestStore) {
    let (key, text) = match store.dialect {
        Dialect::MySql => (
            "CHARACTER SET latin1 COLLATE latin1_swedish_ci",
            "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        ),
        Dialect::Sqlite => ("", ""),
    };
    store
        .run(&format!(
            "CREATE TABLE u (id BIGINT PRIMARY KEY, k VARCHAR(20) {key} NOT NULL UNIQUE, i BIGINT, r DOUBLE, \
             t LONGTEXT {text}, at DATETIME(6), d DATETIME, same VARCHAR(20) {text})"
        ))
        .await;
}

fn key(n: usize) -> String {
    format!("W{n:04}")
}

async fn fill(store: &TestStore, rows: usize) {
    let values: Vec<String> = (0..rows)
        .map(|n| format!("({n}, '{}', 7, 0.5, 'old')", key(n)))
        .collect();
    store
        .run(&format!("INSERT INTO u (id, k, i, r, t) VALUES {}", values.join(", ")))
        .await;
}

fn every_kind(rows: usize) -> Batch {
    let third = |n: usize| !n.is_multiple_of(3);
    let micros = |n: usize| 1_700_000_000_123_456 + n as i64 * 86_400_000_001;
    Batch::new(rows)
        .each((0..rows).map(key))
        .each((0..rows).map(|n| third(n).then_some(i64::MAX - n as i64)))
        .each((0..rows).map(|n| third(n).then_some(1.0 / (n as f64 + 3.0))))
        .each((0..rows).map(|n| third(n).then(|| format!("it's {n} 🏃 "))))
        .each((0..rows).map(|n| Timestamp::from_micros(micros(n))))
        .each((0..rows).map(|n| third(n).then(|| WorkoutDate::from_micros(micros(n) / 1_000_000 * 1_000_000))))
        .same("everywhere")
}

#[test]
fn every_kind_of_value_arrives_and_no_other_row_is_touched() {
    let contents = Mutex::new(Vec::new());
    on_both_empty_stores(|store| {
        let contents = &contents;
        async move {
            make_table(&store).await;
            fill(&store, 400).await;
            // Twice: rows that are found count, whether or not they change.
            for _ in 0..2 {
                let transaction = Transaction::new("update").update_many(&EVERY_KIND, every_kind(371));
                assert_eq!(store.db.transact(&transaction).await.expect("commit"), [371]);
            }
            let rows = store.rows("SELECT k, i, r, t, at, d, same FROM u ORDER BY k").await;
            contents.lock().expect("no panic").push(rows);
        }
    });
    let contents = contents.into_inner().expect("no panic");
    let [first, second] = contents.as_slice() else {
        panic!("two stores")
    };
    assert_eq!(first[1][1], (i64::MAX - 1).to_string());
    assert_eq!(first[1][2].parse(), Ok(0.25));
    assert_eq!(first[370][3], "it's 370 🏃 ");
    assert_eq!(first[370][6], "everywhere");
    assert_eq!(first[371][3], "old");
    assert_eq!(first[0][1], first[399][4], "both are null");
    assert!(first == second, "the stores differ");
}

#[test]
fn a_float_arrives_bit_for_bit() {
    on_both_empty_stores(|store| async move {
        make_table(&store).await;
        fill(&store, 150).await;
        let values: Vec<f64> = (0..150).map(|n| (0.1 + 0.2) / (n as f64 + 1.0)).collect();
        let batch = Batch::new(150).each((0..150).map(key)).each(values.iter().copied());
        let transaction = Transaction::new("update").update_many(&ONE, batch);
        store.db.transact(&transaction).await.expect("commit");
        let select = crate::support::sql("SELECT r FROM u ORDER BY k");
        let mut found = Vec::new();
        let each = |row: &paceline::db::value::Row<'_>| {
            found.push(row.opt_real(0)?.map(f64::to_bits));
            Ok(())
        };
        let none = paceline::db::value::Params::none();
        store.db.query(select, &none, each).await.expect("query");
        assert_eq!(found, values.iter().map(|v| Some(v.to_bits())).collect::<Vec<_>>());
    });
}

#[test]
fn a_row_that_is_not_there_rolls_everything_back() {
    on_both_empty_stores(|store| async move {
        make_table(&store).await;
        fill(&store, 200).await;
        let batch = Batch::new(201).each((0..201).map(key)).same(0.75);
        let transaction = Transaction::new("update").update_many(&ONE, batch);
        let error = store.db.transact(&transaction).await.expect_err("row 200 is not there");
        assert!(
            matches!(&error, DbError::Conflict { statement, expected: 201, found: 200 } if statement == "update of u"),
            "{error}"
        );
        assert_eq!(store.rows("SELECT COUNT(*) FROM u WHERE r = 0.5").await, [["200"]]);
    });
}

#[test]
fn an_empty_update_is_none_and_a_narrow_one_is_refused() {
    on_both_empty_stores(|store| async move {
        make_table(&store).await;
        let nothing = Transaction::new("update").update_many(&ONE, Batch::new(0));
        assert!(store.db.transact(&nothing).await.expect("commit").is_empty());
        let narrow = Transaction::new("update").update_many(&ONE, Batch::new(1).same("x"));
        let refused = store.db.transact(&narrow).await.expect_err("no value");
        assert!(
            matches!(&refused, DbError::Other { detail, .. } if detail.contains("2 columns")),
            "{refused}"
        );
    });
}

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

static BY_NUMBER: Update = Update {
    table: "u",
    key: "id",
    columns: &["t", "r"],
};

static SAME_BY_NUMBER: Update = Update {
    table: "u",
    key: "id",
    columns: &["t", "at"],
};

/// The numbers of rows that are neighbours, that have gaps between them, that are far apart, and all in no order.
fn numbers() -> Vec<(&'static str, Vec<i64>)> {
    let mixed = (0..2_500).map(|n| 1 + (n * 7_919) % 2_503).filter(|n| n % 20 != 0);
    vec![
        ("one", vec![1]),
        ("neighbours", (1..=1_500).collect()),
        ("gaps", (1..=2_900).filter(|n| n % 3 != 0).collect()),
        ("far apart", (1..=2_900).step_by(29).chain([i64::MAX]).collect()),
        ("in no order", mixed.collect()),
    ]
}

#[test]
fn rows_found_by_number_get_their_own_value_and_no_other_row_is_touched() {
    on_both_empty_stores(|store| async move {
        make_table(&store).await;
        fill(&store, 3_000).await;
        store.run("UPDATE u SET id = 9223372036854775807 WHERE id = 2999").await;
        for (case, numbers) in numbers() {
            store.run("UPDATE u SET r = 0.5, t = 'old', at = NULL").await;
            let value = |id: i64| if id % 2 == 0 { 0.0 } else { -1.0 / id as f64 };
            let rows = numbers.len();
            let text = "it's \\ \"new\" 🏃\n";
            let each = Batch::new(rows)
                .each(numbers.clone())
                .same(text)
                .each(numbers.iter().map(|id| value(*id)).collect::<Vec<_>>());
            let at = Timestamp::from_micros(1_700_000_000_123_456);
            let same = Batch::new(rows).each(numbers.clone()).same(text).same(at);
            let transaction = Transaction::new("update")
                .update_many(&BY_NUMBER, each)
                .update_many(&SAME_BY_NUMBER, same);
            let affected = store.db.transact(&transaction).await.expect(case);
            assert_eq!(affected, [rows as u64; 2], "{case}");
            let mut found = Vec::new();
            let each = |row: &paceline::db::value::Row<'_>| {
                found.push((
                    row.int(0)?,
                    row.text(1)?.to_owned(),
                    row.opt_real(2)?,
                    row.opt_text(3)?.is_some(),
                ));
                Ok(())
            };
            let select = crate::support::sql(match store.dialect {
                Dialect::MySql => "SELECT id, t, r, CAST(at AS CHAR) FROM u ORDER BY id",
                Dialect::Sqlite => "SELECT id, t, r, at FROM u ORDER BY id",
            });
            let none = paceline::db::value::Params::none();
            store.db.query(select, &none, each).await.expect("query");
            assert_eq!(found.len(), 3_000);
            let chosen: std::collections::BTreeSet<i64> = numbers.into_iter().collect();
            for (id, found_text, real, dated) in found {
                let expected = match chosen.contains(&id) {
                    true => (text, value(id).to_bits(), true),
                    false => ("old", 0.5f64.to_bits(), false),
                };
                let real = real.expect("never null").to_bits();
                assert_eq!((found_text.as_str(), real, dated), expected, "{case}: row {id}");
            }
        }
    });
}

#[test]
fn a_number_that_is_not_there_rolls_everything_back() {
    on_both_empty_stores(|store| async move {
        make_table(&store).await;
        fill(&store, 200).await;
        for missing in [200i64, 7_000_000] {
            let numbers: Vec<i64> = (1..200).chain([missing]).collect();
            let batch = Batch::new(200).each(numbers).same("new").each(vec![0.75; 200]);
            let transaction = Transaction::new("update").update_many(&BY_NUMBER, batch);
            let error = store.db.transact(&transaction).await.expect_err("one is not there");
            let is_conflict = matches!(
                &error,
                DbError::Conflict {
                    expected: 200,
                    found: 199,
                    ..
                }
            );
            assert!(is_conflict, "{error}");
            assert_eq!(store.rows("SELECT COUNT(*) FROM u WHERE r = 0.5").await, [["200"]]);
        }
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

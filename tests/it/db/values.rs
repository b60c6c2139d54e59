//! What goes in comes out: values, multi-row inserts, lists, streams.

use paceline::db::error::DbError;
use paceline::db::statement::{Batch, Dialect, Insert};
use paceline::db::value::{Cell, Params, Value};
use paceline::time::{Timestamp, WorkoutDate};

use crate::support::{TestStore, admin_text, block_on, on_both_empty_stores, on_both_stores, sql};

/// A table with a column for each kind of value.
async fn make_table(store: &TestStore) {
    let charset = match store.dialect {
        Dialect::MySql => "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        Dialect::Sqlite => "",
    };
    store
        .run(&format!(
            "CREATE TABLE v (id BIGINT PRIMARY KEY, i BIGINT, r DOUBLE, t LONGTEXT {charset}, at DATETIME(6), d DATETIME)"
        ))
        .await;
}

static INTO_V: Insert = Insert {
    table: "v",
    columns: &["id", "i", "r", "t", "at", "d"],
    mysql_tail: "",
    sqlite_tail: "",
};

fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn date(text: &str) -> WorkoutDate {
    text.parse().expect("a date")
}

/// Values at and beyond every edge that a store might round at; row n is the nth of each.
struct Edges {
    ints: [i64; 7],
    reals: [f64; 7],
    texts: [&'static str; 7],
    instants: [Timestamp; 7],
    dates: [WorkoutDate; 7],
}

fn edges() -> Edges {
    Edges {
        ints: [i64::MIN, -1, 0, 1, 2_147_483_648, 9_007_199_254_740_993, i64::MAX],
        reals: [f64::MIN, -0.1, 0.0, 5e-324, 0.1 + 0.2, 1.0 / 3.0, f64::MAX],
        texts: [
            "",
            "it's \"quoted\" `so` \\ and ; -- :name ?",
            "🏃‍♀️ trail — Zürich",
            "trailing  ",
            "line\r\nline\ttab",
            "nul\0inside",
            "Ｗide ｆorms ﷽",
        ],
        instants: [
            "0000-01-01",
            "0001-02-03",
            "1969-12-31 23:59:59.999999",
            "1970-01-01",
            "2024-03-31 02:30:00.000001",
            "2038-01-19 03:14:08.5",
            "9999-12-31 23:59:59.999999",
        ]
        .map(instant),
        dates: [
            "0000-01-01",
            "0999-12-31 12:00",
            "1969-12-31 23:59:59",
            "2024-02-29 23:59:59",
            "2024-03-31 02:30:00",
            "2038-01-19 03:14:08",
            "9999-12-31 23:59:59",
        ]
        .map(date),
    }
}

#[test]
fn every_value_survives_the_store() {
    on_both_empty_stores(|store| async move {
        make_table(&store).await;
        let edges = edges();
        let one = sql("INSERT INTO v (id, i, r, t, at, d) VALUES (:id, :i, :r, :t, :at, :d)");
        for n in 0..7 {
            let params = Params::none()
                .with("id", n as i64)
                .with("i", edges.ints[n])
                .with("r", edges.reals[n])
                .with("t", edges.texts[n])
                .with("at", edges.instants[n])
                .with("d", edges.dates[n]);
            assert_eq!(store.db.execute(one, &params).await.expect("insert"), 1);
        }
        let batch = Batch::new(7)
            .each((100..107).map(Value::Int))
            .each(edges.ints)
            .each(edges.reals)
            .each(edges.texts)
            .each(edges.instants)
            .each(edges.dates);
        assert_eq!(store.db.insert_many(&INTO_V, &batch).await.expect("insert_many"), 7);
        store.run("INSERT INTO v (id) VALUES (200)").await;

        let all = sql("SELECT id, i, r, t, at, d FROM v ORDER BY id");
        let none = Params::none();
        let mut at = 0;
        let count = store.db.query(all, &none, |row| {
            if row.int(0)? == 200 {
                for column in 1..6 {
                    assert_eq!(row.cell(column)?, Cell::Null);
                }
                return Ok(());
            }
            let n = at % 7;
            assert_eq!(row.int(1)?, edges.ints[n]);
            assert_eq!(row.opt_real(2)?.map(f64::to_bits), Some(edges.reals[n].to_bits()));
            assert_eq!(row.text(3)?, edges.texts[n]);
            assert_eq!(row.instant(4)?, edges.instants[n]);
            assert_eq!(row.opt_micros(5)?, Some(edges.dates[n].micros()));
            at += 1;
            Ok(())
        });
        assert_eq!((count.await.expect("query"), at), (15, 14));
    });
}

#[test]
fn a_workout_date_is_stored_to_the_second_on_both() {
    on_both_empty_stores(|store| async move {
        make_table(&store).await;
        let almost = WorkoutDate::from_micros(date("2024-12-31 23:59:59").micros() + 999_999);
        let insert = sql("INSERT INTO v (id, d) VALUES (1, :d)");
        store
            .db
            .execute(insert, &Params::none().with("d", almost))
            .await
            .expect("insert");
        assert_eq!(store.rows("SELECT d FROM v").await, [["2024-12-31 23:59:59"]]);
    });
}

#[test]
fn values_that_no_store_holds_are_refused_by_both() {
    on_both_empty_stores(|store| async move {
        make_table(&store).await;
        let insert = sql("INSERT INTO v (id, r, at) VALUES (1, :r, :at)");
        for (r, at) in [
            (Value::Real(f64::NAN), Value::Null),
            (Value::Real(f64::INFINITY), Value::Null),
            (Value::Null, Value::Instant(Timestamp::from_micros(i64::MAX))),
        ] {
            let mut params = Params::none();
            for (name, value) in [("r", r), ("at", at)] {
                params = params.with(name, value);
            }
            let error = store.db.execute(insert, &params).await.expect_err("no such value");
            assert!(matches!(error, DbError::Constraint { .. }), "{error}");
        }
        assert!(store.rows("SELECT id FROM v").await.is_empty());
    });
}

#[test]
fn lists_and_comparisons_are_by_bytes_on_both() {
    on_both_stores(|store| async move {
        store
            .run("INSERT INTO workout_summary (workout_id) VALUES ('a'), ('A'), ('b'), ('é'), ('e')")
            .await;
        let some = sql("SELECT workout_id FROM workout_summary WHERE workout_id IN (:ids) ORDER BY workout_id");
        for (ids, expected) in [
            (vec!["A", "e", "zz"], vec!["A", "e"]),
            (vec!["É", "B"], vec![]),
            (vec![], vec![]),
        ] {
            let list = ids.into_iter().map(Value::from).collect();
            let mut found = Vec::new();
            store
                .db
                .query(some, &Params::none().with_list("ids", list), |row| {
                    found.push(row.text(0)?.to_owned());
                    Ok(())
                })
                .await
                .expect("query");
            assert_eq!(found, expected);
        }
        assert_eq!(
            store
                .rows("SELECT workout_id FROM workout_summary ORDER BY workout_id")
                .await,
            [["A"], ["a"], ["b"], ["e"], ["é"]]
        );
    });
}

#[test]
fn sums_and_counts_are_integers_on_both() {
    on_both_empty_stores(|store| async move {
        make_table(&store).await;
        store
            .run("INSERT INTO v (id, i) VALUES (1, 9007199254740993), (2, 4)")
            .await;
        let mut found = (0, 0, None);
        store
            .db
            .query(sql("SELECT SUM(i), COUNT(*), SUM(r) FROM v"), &Params::none(), |row| {
                found = (row.int(0)?, row.int(1)?, row.opt_int(2)?);
                Ok(())
            })
            .await
            .expect("query");
        assert_eq!(found, (9_007_199_254_740_997, 2, None));
    });
}

static INTO_HISTORY: Insert = Insert {
    table: "workout_classification_history",
    columns: &[
        "workout_id",
        "previous_classification",
        "new_classification",
        "classification_source",
        "classification_confidence",
        "classification_method",
        "model_id",
        "model_version",
        "changed_by",
        "changed_at",
        "reason",
        "features_used",
        "metadata",
        "run_id",
        "segment_id",
    ],
    mysql_tail: "",
    sqlite_tail: "",
};

static INTO_WORKOUTS: Insert = Insert {
    table: "workout_summary",
    columns: &["workout_id", "workout_date", "distance_mi", "activity_type"],
    mysql_tail: "ON DUPLICATE KEY UPDATE distance_mi = VALUES(distance_mi)",
    sqlite_tail: "ON CONFLICT (workout_id) DO UPDATE SET distance_mi = excluded.distance_mi",
};

fn workouts(rows: usize, scale: f64) -> Batch {
    Batch::new(rows)
        .each((0..rows).map(|i| format!("w{i:05}")))
        .each((0..rows as i64).map(|i| WorkoutDate::from_micros(i * 86_400_000_000)))
        .each((0..rows).map(|i| (i % 7 != 0).then_some(i as f64 / scale)))
        .same("Run")
}

fn history(rows: usize) -> Batch {
    let base = instant("2026-01-02 03:04:05.000001").micros();
    Batch::new(rows)
        .each((0..rows).map(|i| format!("w{i:05}")))
        .each((0..rows).map(|i| (i % 3 == 0).then_some("pup_walk")))
        .same("real_run")
        .same("ml_prediction")
        .each((0..rows).map(|i| 1.0 / (i as f64 + 1.0)))
        .same("anchored-kmeans")
        .same("workout_classifier_20260102_030405")
        .same("1.0.0")
        .same("system")
        .each((0..rows as i64).map(|i| Timestamp::from_micros(base + i)))
        .each((0..rows).map(|i| format!("it's row {i} 🏃")))
        .each((0..rows).map(|i| format!("{{\"avg_pace\":{i}.5,\"b\" : [1, 2]}}")))
        .same(Value::Null)
        .same("run_20260102_030405_000000ff")
        .same(1i64)
}

#[test]
fn two_thousand_five_hundred_rows_of_fifteen_columns_are_equal_on_both() {
    let contents = std::sync::Mutex::new(Vec::new());
    on_both_stores(|store| {
        let contents = &contents;
        async move {
            let inserted = store.db.insert_many(&INTO_WORKOUTS, &workouts(2_500, 3.0)).await;
            assert_eq!(inserted.expect("workouts"), 2_500);
            let inserted = store.db.insert_many(&INTO_HISTORY, &history(2_500)).await;
            assert_eq!(inserted.expect("history"), 2_500);
            let columns = INTO_HISTORY.columns.join(", ");
            let rows = store
                .rows(&format!(
                    "SELECT history_id, {columns} FROM workout_classification_history ORDER BY history_id"
                ))
                .await;
            let workouts = store.rows("SELECT * FROM workout_summary ORDER BY workout_id").await;
            contents.lock().expect("no panic").push((rows, workouts));
        }
    });
    let contents = contents.into_inner().expect("no panic");
    assert_eq!(contents[0].0.len(), 2_500);
    assert_eq!(contents[0].0[2_499][0], "2500");
    assert_eq!(contents[0].0[2_499][1], "w02499");
    assert_eq!(contents[0].0[7][12], "{\"avg_pace\":7.5,\"b\" : [1, 2]}");
    assert!(contents[0] == contents[1], "the stores differ");
}

#[test]
fn an_upsert_counts_the_batch_on_both() {
    on_both_stores(|store| async move {
        for scale in [3.0, 3.0, 4.0] {
            let inserted = store.db.insert_many(&INTO_WORKOUTS, &workouts(1_100, scale)).await;
            assert_eq!(inserted.expect("upsert"), 1_100);
        }
        assert_eq!(
            store
                .rows("SELECT COUNT(*), MAX(distance_mi) FROM workout_summary")
                .await,
            [["1100", "274.5"]]
        );
        let empty = store.db.insert_many(&INTO_WORKOUTS, &workouts(0, 1.0)).await;
        assert_eq!(empty.expect("nothing"), 0);
        let narrow = store.db.insert_many(&INTO_WORKOUTS, &Batch::new(1).same("x")).await;
        assert!(
            matches!(&narrow, Err(DbError::Other { detail, .. }) if detail.contains("4 columns")),
            "{narrow:?}"
        );
    });
}

#[test]
fn rows_larger_than_a_packet_share_are_cut_into_groups() {
    on_both_empty_stores(|store| async move {
        make_table(&store).await;
        let rows = 40;
        let batch = Batch::new(rows)
            .each((0..rows as i64).map(Value::Int))
            .same(Value::Null)
            .same(Value::Null)
            .each((0..rows).map(|i| char::from(b'a' + (i % 26) as u8).to_string().repeat(700_000)))
            .same(Value::Null)
            .same(Value::Null);
        assert_eq!(store.db.insert_many(&INTO_V, &batch).await.expect("28 MB"), 40);
        assert_eq!(
            store
                .rows("SELECT COUNT(*), MIN(LENGTH(t)), MAX(t LIKE 'n%n') FROM v")
                .await,
            [["40", "700000", "1"]]
        );
    });
}

#[test]
fn reading_stops_at_the_first_error_of_the_reader() {
    on_both_stores(|store| async move {
        let inserted = store.db.insert_many(&INTO_WORKOUTS, &workouts(2_000, 3.0)).await;
        inserted.expect("workouts");
        let mut seen = 0;
        let error = store
            .db
            .query(
                sql("SELECT activity_type FROM workout_summary ORDER BY workout_id"),
                &Params::none(),
                |row| {
                    seen += 1;
                    if seen == 3 { row.int(0).map(|_| ()) } else { Ok(()) }
                },
            )
            .await
            .expect_err("'Run' is no number");
        assert!(matches!(&error, DbError::Decode { column, .. } if column == "activity_type"));
        assert_eq!(seen, 3);
        assert_eq!(store.rows("SELECT COUNT(*) FROM workout_summary").await, [["2000"]]);
    });
}

#[test]
fn dirt_of_other_tools_is_an_error_or_a_value_never_a_panic() {
    block_on(async {
        let store = TestStore::mariadb().await;
        store
            .run("CREATE TABLE dirt (at DATETIME, f FLOAT, u BIGINT UNSIGNED, b VARBINARY(8), t TIME)")
            .await;
        admin_text(
            &store.url,
            &[
                "SET sql_mode = ''",
                "INSERT INTO dirt VALUES ('0000-00-00', 0.1, 18446744073709551615, 0xff, '10:00')",
            ],
        );
        let mut cells = Vec::new();
        store
            .db
            .query(sql("SELECT at, f, u, b, t FROM dirt"), &Params::none(), |row| {
                for column in 0..6 {
                    cells.push(match row.cell(column) {
                        Ok(cell) => format!("{cell:?}"),
                        Err(error) => error.to_string(),
                    });
                }
                Ok(())
            })
            .await
            .expect("query");
        assert_eq!(cells[1], "Single(0.1)");
        for (column, part) in [
            (0, "0000-00-00"),
            (2, "18446744073709551615"),
            (3, "not UTF-8"),
            (4, "TIME"),
            (5, "no column 5"),
        ] {
            assert!(cells[column].contains(part), "{}", cells[column]);
        }
    });
}

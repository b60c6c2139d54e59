//! All or nothing, guards, and who wins when many write at once.

use paceline::db::Db;
use paceline::db::error::DbError;
use paceline::db::statement::{Batch, Expect, Insert, Statement, Transaction};
use paceline::db::value::Params;

use crate::support::{TestStore, connect, on_both_empty_stores, sql};

static ADD: Statement = Statement::portable("add", "INSERT INTO counter (id, v) VALUES (:id, 0)");
static SWAP: Statement = Statement::portable("swap", "UPDATE counter SET v = :next WHERE id = 1 AND v = :seen");
static TOUCH: Statement = Statement::portable("touch", "UPDATE counter SET v = v");
static WINNERS: Insert = Insert {
    table: "winners",
    columns: &["round", "who"],
    mysql_tail: "",
    sqlite_tail: "",
};

async fn make_tables(store: &TestStore) {
    store
        .run("CREATE TABLE counter (id BIGINT PRIMARY KEY, v BIGINT NOT NULL)")
        .await;
    store
        .run("CREATE TABLE winners (round BIGINT PRIMARY KEY, who BIGINT NOT NULL)")
        .await;
    store.run("INSERT INTO counter (id, v) VALUES (1, 0)").await;
}

fn swap(round: i64, who: i64) -> Transaction {
    let params = Params::none().with("seen", round).with("next", round + 1);
    Transaction::new("swap the counter")
        .insert_many(&WINNERS, Batch::new(0))
        .execute(&SWAP, params, Expect::Rows(1))
        .insert_many(&WINNERS, Batch::new(1).same(round).same(who))
}

#[test]
fn affected_rows_are_rows_found_on_both() {
    on_both_empty_stores(|store| async move {
        make_tables(&store).await;
        store.run("INSERT INTO counter (id, v) VALUES (2, 0), (3, 7)").await;
        let transaction = Transaction::new("count")
            .execute(&TOUCH, Params::none(), Expect::Rows(3))
            .execute(&ADD, Params::none().with("id", 4i64), Expect::Any)
            .insert_many(&WINNERS, Batch::new(2).each([1i64, 2]).same(0i64));
        let affected = store.db.transact(&transaction).await.expect("commit");
        assert_eq!(affected, [3, 1, 2]);
        assert_eq!(store.run("UPDATE counter SET v = 0 WHERE id = 99").await, 0);
        assert_eq!(store.run("DELETE FROM counter").await, 4);
    });
}

#[test]
fn a_guard_that_does_not_hold_rolls_everything_back() {
    on_both_empty_stores(|store| async move {
        make_tables(&store).await;
        let add = |id: i64| Params::none().with("id", id);
        let transaction = Transaction::new("guarded")
            .execute(&ADD, add(2), Expect::Rows(1))
            .insert_many(&WINNERS, Batch::new(1).same(1i64).same(1i64))
            .execute(&TOUCH, Params::none(), Expect::Rows(3))
            .execute(&ADD, add(3), Expect::Rows(1));
        let error = store.db.transact(&transaction).await.expect_err("two rows, not three");
        assert!(
            matches!(&error, DbError::Conflict { statement, expected: 3, found: 2 } if statement == "touch"),
            "{error}"
        );
        assert!(error.is_transient());
        assert_eq!(store.rows("SELECT id, v FROM counter").await, [["1", "0"]]);
        assert!(store.rows("SELECT * FROM winners").await.is_empty());
    });
}

#[test]
fn an_error_in_any_step_rolls_everything_back() {
    on_both_empty_stores(|store| async move {
        make_tables(&store).await;
        let add = |id: i64| Params::none().with("id", id);
        let transaction = Transaction::new("twice the same")
            .execute(&ADD, add(2), Expect::Rows(1))
            .insert_many(&WINNERS, Batch::new(3).each([1i64, 2, 1]).same(1i64));
        let error = store.db.transact(&transaction).await.expect_err("a duplicate");
        assert!(matches!(error, DbError::Duplicate { .. }), "{error}");
        assert_eq!(store.rows("SELECT id FROM counter").await, [["1"]]);
        assert!(store.rows("SELECT * FROM winners").await.is_empty());
        // The store is usable at once: nothing stayed open.
        store.db.transact(&swap(0, 5)).await.expect("commit");
    });
}

#[test]
fn of_many_that_swap_at_once_exactly_one_wins() {
    const RIVALS: i64 = 8;
    const ROUNDS: i64 = 12;
    on_both_empty_stores(|store| async move {
        make_tables(&store).await;
        let mut rivals: Vec<Db> = Vec::new();
        for _ in 0..RIVALS {
            rivals.push(connect(&store.url).await.expect("connect"));
        }
        for round in 0..ROUNDS {
            let tasks: Vec<_> = rivals
                .iter()
                .cloned()
                .enumerate()
                .map(|(who, db)| tokio::spawn(async move { db.transact(&swap(round, who as i64)).await }))
                .collect();
            let mut won = 0;
            for task in tasks {
                match task.await.expect("no panic") {
                    Ok(affected) => {
                        assert_eq!(affected, [1, 1]);
                        won += 1;
                    }
                    Err(DbError::Conflict {
                        expected: 1, found: 0, ..
                    }) => {}
                    Err(other) => panic!("round {round}: {other}"),
                }
            }
            assert_eq!(won, 1, "round {round}");
        }
        let rounds = ROUNDS.to_string();
        assert_eq!(store.rows("SELECT v FROM counter").await, [[rounds.as_str()]]);
        assert_eq!(store.rows("SELECT COUNT(*) FROM winners").await, [[rounds.as_str()]]);
    });
}

#[test]
fn a_dropped_transaction_leaves_nothing_behind() {
    on_both_empty_stores(|store| async move {
        make_tables(&store).await;
        for delay in [0u64, 1, 2, 4, 8] {
            let db = store.db.clone();
            let transaction = (0..200).fold(Transaction::new("long"), |t, i| {
                t.execute(&ADD, Params::none().with("id", 10 + i as i64), Expect::Rows(1))
            });
            let task = tokio::spawn(async move { db.transact(&transaction).await.map(|_| ()) });
            tokio::time::sleep(std::time::Duration::from_millis(delay)).await;
            task.abort();
            let _ = task.await;
            let found = store.rows("SELECT COUNT(*) FROM counter").await;
            assert!(found == [["1"]] || found == [["201"]], "half a transaction: {found:?}");
            store
                .db
                .execute(sql("DELETE FROM counter WHERE id > 1"), &Params::none())
                .await
                .expect("delete");
        }
    });
}

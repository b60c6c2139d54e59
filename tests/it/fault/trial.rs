//! One act, what its clean run leaves behind, and whether another ending is as good.

use paceline::pipeline::RunError;
use paceline::store::Store;

use super::acts::Act;
use super::lab::{AFTER_A_RERUN, NEVER, Tables, ambient, assert_sound, difference, tables};
use crate::support::TestStore;

/// The number of a run that is to fail for good; the clean one, the rerun, and one that is to get over
/// its fault have number 0.
pub const FAILING: u32 = 0xfa11;
const FAILING_RUN: &str = "run_20260304_050607_0000fa11";
const CLEAN_RUN: &str = "run_20260304_050607_00000000";

/// What a clean run leaves behind, to be compared in two ways.
pub struct Clean {
    act: Act,
    whole: Tables,
    after_a_rerun: Tables,
    rows_written: String,
}

impl Clean {
    /// Performs `act` on a store that is prepared for it.
    pub async fn of(act: Act, store: &TestStore) -> Self {
        let done = act.perform(&Store::new(store.db.clone()), &ambient(0)).await;
        done.unwrap_or_else(|e| panic!("{act:?}: the clean run: {e}"));
        assert_sound(store, &format!("{act:?}, clean")).await;
        if act == Act::RetrainNight {
            assert_covers_every_outcome(store).await;
        }
        Self {
            act,
            whole: tables(store, &[NEVER]).await,
            after_a_rerun: tables(store, &[NEVER, AFTER_A_RERUN]).await,
            rows_written: rows_written(store).await,
        }
    }

    /// Panics unless the act has succeeded and left what the clean run leaves, to the last cell.
    pub async fn assert_got_over(&self, store: &TestStore, result: Result<(), RunError>, what: &str) {
        result.unwrap_or_else(|e| panic!("{what}: it should have got over it: {e}"));
        assert_sound(store, what).await;
        let found = tables(store, &[NEVER]).await;
        assert_eq!(difference(&found, &self.whole), None, "{what}");
    }

    /// Performs the act again, if it has failed (which must say `saying`), and panics unless the store
    /// ends as after the clean run.
    pub async fn assert_after_rerun(&self, store: &TestStore, result: Result<(), RunError>, saying: &str, what: &str) {
        let mut found = match result {
            // What is only good to have, such as giving a lease back, is let go.
            Ok(()) => renamed(tables(store, &[NEVER, AFTER_A_RERUN]).await),
            Err(error) => {
                assert!(error.to_string().contains(saying), "{what}: {error}");
                let again = self.act.perform(&Store::new(store.db.clone()), &ambient(0)).await;
                again.unwrap_or_else(|e| panic!("{what}: the rerun: {e}"));
                without_failed_run(tables(store, &[NEVER, AFTER_A_RERUN]).await)
            }
        };
        assert_sound(store, what).await;
        assert_eq!(rows_written(store).await, self.rows_written, "{what}");
        // Where it could not be given back, the lease is the next run's, which finds its holder gone.
        found.insert("pipeline_lease", self.after_a_rerun["pipeline_lease"].clone());
        assert_eq!(difference(&found, &self.after_a_rerun), None, "{what}");
    }
}

/// A fault can only be shown to do no harm to what the act does at all.
async fn assert_covers_every_outcome(store: &TestStore) {
    let counts = "SELECT new_count, changed_count, refreshed_count, protected_count, rows_quarantined \
                  FROM pipeline_runs WHERE run_id = ";
    let found = store.rows(&format!("{counts}'{CLEAN_RUN}'")).await;
    assert!(
        found[0].iter().all(|count| count != "0"),
        "new, changed, refreshed, protected, quarantined: {found:?}"
    );
}

async fn rows_written(store: &TestStore) -> String {
    store.rows("SELECT SUM(rows_written) FROM pipeline_runs").await[0][0].clone()
}

/// As if the failing run had been given the clean one's number.
fn renamed(mut tables: Tables) -> Tables {
    for cell in tables.values_mut().flatten().flatten() {
        *cell = cell.replace(FAILING_RUN, CLEAN_RUN);
    }
    tables
}

/// The ledger has one row more, of the run that failed.
fn without_failed_run(mut tables: Tables) -> Tables {
    if let Some(runs) = tables.get_mut("pipeline_runs") {
        runs.retain(|row| row[0] != FAILING_RUN);
    }
    tables
}

//! Stopped in the middle: what is there is whole, what is asked is answered, and given again it is done.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use paceline::audit::replay::State;
use paceline::db::error::DbError;
use paceline::db::watch::Moment;
use paceline::pipeline::archive::archive;
use paceline::pipeline::archive::restore::{Which, restore};
use paceline::store::Store;
use paceline::store::archive::Status;
use paceline::store::archived::Shelf;
use paceline::store::verify::Verification;

use super::{Years, assert_as_before, small_nightly};
use crate::support::on_both_stores;

/// The store, whose `nth` statement of this name fails, counted from 1.
fn failing(years: &Years, name: &'static str, nth: usize) -> Store {
    let seen = AtomicUsize::new(0);
    let watch = move |moment: Moment<'_>| match moment {
        Moment::Statement(statement) if statement == name && seen.fetch_add(1, Ordering::SeqCst) + 1 == nth => {
            Err(DbError::Other {
                statement: statement.to_owned(),
                detail: "on purpose".to_owned(),
            })
        }
        _ => Ok(()),
    };
    Store::new(years.world.raw.db.clone().watched(Arc::new(watch)))
}

fn notes(verified: &Verification) -> Vec<&'static str> {
    verified
        .notes
        .iter()
        .map(|n| n.kind)
        .filter(|k| !k.starts_with("adopted"))
        .collect()
}

/// Panics unless everything is answered as it was, with the files and (but for old instants) without.
async fn assert_answers(years: &Years, states: &[BTreeMap<String, State>], what: &str) {
    for verified in [years.verify().await, years.verify_without().await] {
        assert!(verified.ok, "{what}: {:?}", verified.findings);
        assert!(notes(&verified).contains(&"unfinished"), "{what}: {:?}", verified.notes);
    }
    let files = years.files();
    for (at, state) in years.instants.iter().zip(states) {
        let found = years
            .world
            .store
            .state_as_of_with(*at, None, Some(files.as_ref()))
            .await;
        assert!(found.expect("a state") == *state, "{what}: as of {at}");
    }
}

async fn states(years: &Years) -> Vec<BTreeMap<String, State>> {
    let mut states = Vec::new();
    for at in &years.instants {
        states.push(years.world.store.state_as_of(*at, None).await.expect("a state"));
    }
    states
}

#[test]
fn half_way_out_and_half_way_back_every_question_has_its_answer() {
    on_both_stores(|store| async {
        let years = Years::new(store).await;
        let (before, states) = (years.world.dump().await, states(&years).await);
        let ambient = years.world.ambient();
        let history = years.world.store.history(&years.ids[1]).await.expect("a history");

        // The rows of others have left, those of ours beside them have not.
        for nth in [1, 2] {
            let faulty = failing(&years, "query/archive_delete_own.sql", nth);
            let stopped = archive(&faulty, &years.options(), &years.files(), &ambient).await;
            assert!(stopped.expect_err("on purpose").to_string().contains("on purpose"));
            assert_answers(&years, &states, &format!("out, {nth}")).await;
            let whole = years
                .world
                .store
                .whole_history(&years.ids[1], Some(years.files().as_ref()))
                .await;
            assert_eq!(whole.expect("a history").entries, history);
        }
        assert_eq!(years.world.run(&small_nightly()).await.rows_written, 0);
        let done = years.archive().await;
        assert!(done.rows > 0 && years.verify().await.ok);
        let archives = years.world.store.archives().await.expect("archives");
        assert!(archives.all.iter().all(|a| a.status == Status::Archived));

        for nth in [1, 3] {
            let faulty = failing(&years, "workout_classification_history", nth);
            let stopped = restore(&faulty, &Which::All, false, &years.files(), &ambient).await;
            assert!(stopped.expect_err("on purpose").to_string().contains("on purpose"));
            assert_answers(&years, &states, &format!("back, {nth}")).await;
            let refused = years.try_archive().await.expect_err("first the way back is finished");
            assert!(refused.hint.contains("archive restore"), "{}", refused.hint);
        }
        years.restore(Which::All).await;
        assert_as_before(&years, &before[2..3], "back").await;
        assert!(years.verify().await.ok);
    });
}

/// Files whose disk is full after so many bytes.
struct Full {
    files: Arc<dyn Shelf>,
    room: usize,
}

struct Fills {
    file: Box<dyn io::Write + Send>,
    room: usize,
}

impl io::Write for Fills {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.room {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "No space left on device"));
        }
        self.room -= bytes.len();
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Shelf for Full {
    fn folder(&self, remembered: &str) -> String {
        self.files.folder(remembered)
    }

    fn is_promised(&self, remembered: &str) -> bool {
        self.files.is_promised(remembered)
    }

    fn read(&self, remembered: &str, file: &str) -> io::Result<Vec<u8>> {
        self.files.read(remembered, file)
    }

    fn create(&self, remembered: &str, file: &str) -> io::Result<Box<dyn io::Write + Send>> {
        let (file, room) = (self.files.create(remembered, file)?, self.room);
        Ok(Box::new(Fills { file, room }))
    }

    fn keep(&self, remembered: &str, file: &str) -> io::Result<()> {
        self.files.keep(remembered, file)
    }
}

#[test]
fn a_full_disk_costs_nothing_but_the_answer() {
    on_both_stores(|store| async {
        let years = Years::new(store).await;
        let before = years.world.dump().await;
        for room in [0, 3, 1_000, 8_000] {
            let full: Arc<dyn Shelf> = Arc::new(Full {
                files: years.files(),
                room,
            });
            let refused = archive(&years.world.store, &years.options(), &full, &years.world.ambient()).await;
            let refused = refused.expect_err("there is no room");
            assert!(refused.to_string().contains("No space left"), "{refused}");
            assert!(refused.hint.contains("nothing has left the table"), "{}", refused.hint);
        }
        assert_eq!(years.world.dump().await, before);
        assert_eq!(years.archive().await.status, "archived");
        assert!(years.verify().await.ok);
    });
}

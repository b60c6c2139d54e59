//! Out of the table and back.

use paceline::pipeline::archive::restore::{Which, restore};
use paceline::pipeline::archive::{ArchiveOptions, ArchivedFile, archive, plan_archive};
use paceline::pipeline::people::{clear, say};
use paceline::pipeline::prepare::Options;
use paceline::pipeline::undo::{UndoOptions, undo};
use paceline::stage::decide::Retrain;
use paceline::vocab::Label;

use super::{Years, assert_as_before, assert_sound, churn, small_nightly};
use crate::support::on_both_stores;
use crate::support::world::correction;

#[test]
fn half_the_history_leaves_and_comes_back_as_it_was() {
    on_both_stores(|store| async {
        let years = Years::new(store).await;
        let (before, verified) = (years.world.dump().await, years.verify_without().await);
        let planned = plan_archive(&years.world.store, &years.options())
            .await
            .expect("a plan");
        assert_eq!(years.world.dump().await, before, "a plan writes nothing");

        let report = years.archive().await;
        assert_eq!(report.status, "archived");
        let spans = |files: &[ArchivedFile]| {
            files
                .iter()
                .map(|f| (f.first_segment, f.last_segment, f.rows, f.file.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(spans(&report.files), spans(&planned.files));
        assert!(report.files.len() > 2, "{report:?}");
        assert!(
            report.rows > verified.rows / 3 && report.rows < verified.rows,
            "{} of {}",
            report.rows,
            verified.rows
        );
        let left = years.world.count("workout_classification_history").await;
        assert_eq!(left + report.rows, verified.rows, "no row in both, and none in neither");
        let state = |dump: &[(&'static str, Vec<Vec<String>>)]| dump[1].1.clone();
        assert_eq!(
            state(&years.world.dump().await),
            state(&before),
            "the current state is untouched"
        );

        let whole = years.verify().await;
        assert_sound(&whole, 0);
        assert_eq!((whole.rows, whole.archived), (verified.rows, report.rows));
        assert_eq!(
            (&whole.notes, whole.adopted),
            (&verified.notes, 4),
            "what is known of rows of others stays known"
        );
        let without = years.verify_without().await;
        assert_sound(&without, report.rows);
        assert_eq!((without.rows, without.archived), (left, report.rows));
        assert_eq!(without.workouts, verified.workouts);

        let again = years.archive().await;
        assert_eq!((again.status, again.files.len()), ("nothing", 0), "{again:?}");

        let restored = years.restore(Which::All).await;
        assert_eq!((restored.rows, restored.files.len()), (report.rows, report.files.len()));
        assert_as_before(&years, &before, "restored").await;
        let verified_again = years.verify().await;
        assert_sound(&verified_again, 0);
        assert_eq!((verified_again.rows, verified_again.archived), (verified.rows, 0));
        assert_eq!(verified_again.notes, verified.notes);
        assert_eq!(years.restore(Which::All).await.status, "nothing");
        assert!(
            report.files.iter().all(|f| years.path(&f.file).exists()),
            "the files stay"
        );
    });
}

#[test]
fn life_goes_on_over_archived_history() {
    on_both_stores(|store| async {
        let years = Years::new(store).await;
        let world = &years.world;
        let runs: Vec<String> = world
            .raw
            .rows("SELECT run_id FROM pipeline_runs ORDER BY started_at")
            .await
            .concat();
        let before = world.dump().await;
        let report = years.archive().await;

        // Nothing to do is nothing to do, and people are obeyed.
        let ids = &years.ids;
        let run = world.run(&small_nightly()).await;
        assert_eq!(run.rows_written, 0, "{run:?}");
        say(
            &world.store,
            &correction(&ids[6], Label::Mixed, "anna"),
            &world.ambient(),
        )
        .await
        .expect("obeyed");
        clear(&world.store, &ids[0], "anna", "a mistake", &world.ambient())
            .await
            .expect("cleared");
        assert_sound(&years.verify().await, 0);
        assert_sound(&years.verify_without().await, report.rows);

        // Others go on writing, and are adopted on top of the snapshot.
        let theirs = format!(
            "INSERT INTO workout_classification_history (workout_id, new_classification, classification_source, \
             changed_at) VALUES ('{}', 'unknown', 'ml_batch_update', '2027-01-01')",
            ids[7]
        );
        world.raw.run(&theirs).await;
        world.run(&small_nightly()).await;
        assert_sound(&years.verify().await, 0);
        assert_sound(&years.verify_without().await, report.rows);

        // An undo that needs archived rows says so and writes nothing.
        let options = UndoOptions::default();
        let head = world.store.chain_head().await.expect("head");
        for (run, part) in [(&runs[0], "what run"), (&runs[2], "was before run")] {
            let refused = undo(&world.store, run, &options, &world.ambient())
                .await
                .expect_err(part);
            let said = format!("{refused}: {}", refused.hint);
            assert!(said.contains(part) && said.contains("archive restore"), "{said}");
        }
        assert_eq!(world.store.chain_head().await.expect("head"), head);
        years.restore(Which::All).await;
        let verified = years.verify().await;
        assert_sound(&verified, 0);
        let table = |dump: &[(&'static str, Vec<Vec<String>>)]| dump[2].1.clone();
        assert!(
            table(&world.dump().await).starts_with(&table(&before)),
            "every old row is as it was"
        );
        undo(&world.store, &runs[2], &options, &world.ambient())
            .await
            .expect("and then it can be undone");
    });
}

#[test]
fn archives_follow_each_other_and_come_back_in_any_order() {
    on_both_stores(|store| async {
        let years = Years::new(store).await;
        let before = years.world.dump().await;
        let first = years.archive().await;
        years.world.wait_days(500);
        let all = ArchiveOptions {
            before: years.world.now(),
            ..years.options()
        };
        let store = &years.world.store;
        let second = archive(store, &all, &years.files(), &years.world.ambient())
            .await
            .expect("the rest");
        assert!(second.status == "archived" && second.files[0].first_segment > first.files[0].last_segment);
        assert_eq!(years.world.count("workout_classification_history").await, 0);
        assert_sound(&years.verify().await, 0);
        assert_sound(&years.verify_without().await, first.rows + second.rows);

        // One from the middle: snapshots go on standing for all below the last.
        let files: Vec<_> = first.files.iter().chain(&second.files).collect();
        let middle = files[1].archive_id.expect("made");
        let one = years
            .restore(Which::Segments(files[1].first_segment..=files[1].first_segment))
            .await;
        assert_eq!(
            one.files.iter().map(|f| f.archive_id).collect::<Vec<_>>(),
            [Some(middle)]
        );
        assert_sound(&years.verify().await, 0);
        assert_sound(&years.verify_without().await, first.rows + second.rows - one.rows);
        // The newest: the table explains the state from the snapshot below it on.
        let newest = files.last().and_then(|f| f.archive_id).expect("made");
        years.restore(Which::Numbers(vec![newest])).await;
        assert_sound(&years.verify().await, 0);
        let left = years.verify_without().await;
        assert!(left.ok && left.unchecked > 0, "{left:?}");
        let never = Options {
            retrain: Some(Retrain::Never),
            ..churn()
        };
        let run = years.world.try_run(&small_nightly(), &never).await.expect("a run");
        assert_eq!(run.rows_written, 0, "{run:?}");
        years.restore(Which::All).await;
        assert_as_before(&years, &before[2..3], "all are back").await;
        assert_sound(&years.verify().await, 0);

        // And out again, in other files, over segments that were archived before.
        let again = ArchiveOptions {
            file_rows: 1_000_000,
            ..all
        };
        let again = archive(store, &again, &years.files(), &years.world.ambient())
            .await
            .expect("once more");
        assert_eq!((again.files.len(), again.rows), (1, first.rows + second.rows));
        assert_sound(&years.verify().await, 0);
        assert_sound(&years.verify_without().await, again.rows);
        let unknown = Which::Numbers(vec![99]);
        let refused = restore(store, &unknown, false, &years.files(), &years.world.ambient())
            .await
            .expect_err("no such archive");
        assert!(refused.to_string().contains("no archive 99"), "{refused}");
    });
}
